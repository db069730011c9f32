/**
 * `npm run soak [-- --events N] [--seed N]`: devices send N events (1,000,000) to two gateways while gateways, worker and
 * PostgreSQL are killed again and again and the line between them breaks at every statement; then the log is compared with what
 * was acknowledged and verified. Exits 0 only when all of it holds.
 */
import { parseArgs } from 'node:util'
import { type Outcome, runFaults } from './run.ts'

const { values } = parseArgs({
  options: { events: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '' } },
})
if (!/^[1-9]\d{2,8}$/.test(values.events)) throw new Error('--events takes a number from 100 on')
if (!/^\d*$/.test(values.seed)) throw new Error('--seed takes a number')
const seed = values.seed === '' ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)

function print({ events, duplicates, faults, refused, searches, seconds, problems }: Outcome): void {
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`)
      .join('\n')
  const struck = Object.values(faults).reduce((sum, count) => sum + count, 0)
  console.log(
    `\n${events} events acknowledged in ${seconds} s, ${duplicates} of them sent again although they were there`,
  )
  console.log(`${struck} faults\n${list(faults)}\nnot acknowledged\n${list(refused)}`)
  console.log(`${searches} searches while it went on`)
  for (const problem of problems) console.log(`PROBLEM: ${problem}`)
  console.log(
    problems.length === 0
      ? 'held: every acknowledged event is in the log once; tree, tiles, index and received ranges agree'
      : `FAILED: ${problems.length} problems; the same faults again: --seed ${seed}`,
  )
}

console.log(`soak: --events ${values.events} --seed ${seed}`)
const outcome = await runFaults({
  events: Number(values.events),
  phones: 8,
  faults: 20,
  pauseMs: 4_000,
  seed,
  say: console.log,
})
print(outcome)
process.exit(outcome.problems.length === 0 ? 0 : 1)
