/** The kernel's only source of time; tests move it. */
const state: { offsetMs: number; frozenMs: number | null } = { offsetMs: 0, frozenMs: null }

export function now(): Date {
  return new Date(state.frozenMs ?? Date.now() + state.offsetMs)
}

/** Moves the clock of this process by `ms` (adds up). */
export function testingOnlyAdvanceClock(ms: number): void {
  state.offsetMs += ms
}

export function testingOnlyResetClock(): void {
  state.offsetMs = 0
  state.frozenMs = null
}
