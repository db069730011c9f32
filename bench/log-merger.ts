/** Merges an organisation's index as the worker does, until whoever started it is gone or ends it. Argument: the organisation. */
import '#server/http/wiring.ts'
import { mergeIndex } from '#server/audit/index/merge.ts'

const [, , tenantId = ''] = process.argv
const stopping = new AbortController()
process.on('disconnect', () => stopping.abort())
while (!stopping.signal.aborted) {
  await mergeIndex(tenantId, stopping.signal)
  await new Promise((resolve) => setTimeout(resolve, 250))
}
process.exit(0)
