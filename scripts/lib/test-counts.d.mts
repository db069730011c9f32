export interface Counts {
  passed: number
  failed: number
  skipped: number
}

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number }
  errors: unknown[]
}

export const NOTHING: Counts
export function add(a: Counts, b: Counts): Counts
export function summary(counts: Counts): string
export function fromExit(code: number | string): Counts
export function fromVitest(report: VitestReport | undefined, code: number | string): Counts
export function fromPlaywright(report: PlaywrightReport | undefined, code: number | string): Counts
