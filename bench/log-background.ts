/** Appends to an organisation's log at a steady rate until it is told to stop. Arguments: the organisation, events a second. */
import '#server/http/wiring.ts'
import { loadLog } from './log-load.ts'

const [, , tenantId = '', rate = '1000'] = process.argv
const PART = 500
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})
while (!stopping) {
  const startedMs = performance.now()
  await loadLog(tenantId, PART, { from: 0, of: PART, isNow: true })
  const left = (1000 * PART) / Number(rate) - (performance.now() - startedMs)
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}
process.exit(0)
