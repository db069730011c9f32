import { readdirSync, readFileSync } from 'node:fs'

/** Of Linux, for every architecture. */
const TICKS_A_SECOND = 100

/** Seconds of processor time used so far, by name. */
type Used = Record<string, number>

/** The processes that `roots` names, each with what it started (the database: its backends), and this one alone as `sender`. */
export function cpuUsed(roots: Readonly<Record<string, number>>): Used {
  const stats = readStats()
  const { user, system } = process.cpuUsage()
  const trees = Object.entries(roots).map(([name, pid]) => [name, ticksOf(stats, pid) / TICKS_A_SECOND])
  return { ...Object.fromEntries(trees), sender: (user + system) / 1e6 }
}

type Stat = { parent: number; ticks: number }

function readStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(Number(name))
    if (stat) stats.set(Number(name), stat)
  }
  return stats
}

function readStat(pid: number): Stat | null {
  try {
    // The name in parentheses may hold anything; behind it stand the state, the parent, … and utime, stime as 14th and 15th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    // It ended meanwhile.
    return null
  }
}

function ticksOf(stats: ReadonlyMap<number, Stat>, root: number): number {
  let ticks = stats.get(root)?.ticks ?? 0
  for (const [pid, { parent }] of stats) if (parent === root) ticks += ticksOf(stats, pid)
  return ticks
}
