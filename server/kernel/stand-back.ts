import 'server-only'
import { constants, setPriority } from 'node:os'

/** Before whom a process stands back: those that somebody waits for, or everybody. */
const PRIORITY = { some: constants.priority.PRIORITY_BELOW_NORMAL, all: constants.priority.PRIORITY_LOW } as const

/** Lets a process, and what it starts from now on, have what others leave of the processors. Where the system does not let us, nothing changes. */
export function standBack(pid: number | undefined, before: keyof typeof PRIORITY): void {
  try {
    if (pid) setPriority(pid, PRIORITY[before])
  } catch {
    // It is gone, or the system does not let us.
  }
}
