/** Appends the parts that `loadLog` sends it: makes each ready, says so, and writes it when it is told to. Argument: the organisation. */
import '#server/http/wiring.ts'
import { once } from 'node:events'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { appendPart, type Part } from './log-append.ts'

/** A part and the time at which it is recorded, in milliseconds. */
export type TimedPart = Part & { atMs: number }

const [, , tenantId = ''] = process.argv
process.on('disconnect', () => process.exit(0))
process.on('message', (message: TimedPart | 'write') => {
  if (message !== 'write') void append(message)
})

async function append({ atMs, ...part }: TimedPart): Promise<void> {
  testingOnlyAdvanceClock(atMs - now().getTime())
  let turn: Promise<unknown> | undefined
  await appendPart(tenantId, part, async () => {
    if (!turn) {
      turn = once(process, 'message')
      process.send?.('ready')
    }
    await turn
  })
  process.send?.('done')
}
