/** Appends to an organisation's log at a steady rate until it is told to stop. Arguments: the organisation, events a second, the first event's number. */
import '#server/http/wiring.ts'
import { appendPart } from './log-append.ts'

const [, , tenantId = '', rate = '1000', first = '0'] = process.argv
const PART = 500
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})
for (let from = Number(first); !stopping; from += PART) {
  const startedMs = performance.now()
  await appendPart(tenantId, { from, count: PART, of: Number(first) })
  const left = (1000 * PART) / Number(rate) - (performance.now() - startedMs)
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}
process.exit(0)
