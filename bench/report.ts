import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

export type Run = { ours: number; baseline: number }

export type Measured = {
  name: string
  /** What both columns count. */
  unit: string
  runs: readonly Run[]
  /** What was measured, in words. */
  notes: Record<string, string | number>
}

/** The middle one: a burst of somebody else's work spoils one run, not the result. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}

/** Prints the runs as a table and writes bench/results/NAME.json. */
export function report({ name, unit, runs, notes }: Measured): void {
  const ours = median(runs.map((run) => run.ours))
  const baseline = median(runs.map((run) => run.baseline))
  // Both sides of a run stand next to each other in time: what else the machine did then weighs on both.
  const ratio = median(runs.map((run) => run.ours / run.baseline))
  const row = (label: string, run: Run, of = run.ours / run.baseline) =>
    `${label.padEnd(8)} ${figure(run.ours)} ${figure(run.baseline)} ${of.toFixed(3).padStart(8)}`
  const lines = [
    `${name} (${unit})`,
    '             ours   baseline    ratio',
    ...runs.map((run, n) => row(`run ${n + 1}`, run)),
    row('median', { ours, baseline }, ratio),
  ]
  console.log(lines.join('\n'))
  for (const [note, value] of Object.entries(notes)) console.log(`${note}: ${value}`)
  const machine = {
    cpus: availableParallelism(),
    model: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    node: process.version,
  }
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  const file = new URL(`results/${name}.json`, import.meta.url)
  writeFileSync(file, `${JSON.stringify({ name, ours, baseline, ratio, unit, runs, machine, notes }, null, 2)}\n`)
}

function figure(value: number): string {
  return Math.round(value).toLocaleString('en').padStart(10)
}
