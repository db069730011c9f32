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
  testResults: {
    name?: string
    status: string
    assertionResults: { status?: string; fullName?: string; failureMessages?: string[] }[]
  }[]
}

interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number }
  errors: { message?: string }[]
  suites?: PlaywrightSuite[]
}

interface PlaywrightSuite {
  file: string
  specs?: { title: string; ok: boolean; tests?: { results?: { error?: { message?: string } }[] }[] }[]
  suites?: PlaywrightSuite[]
}

export const NOTHING: Counts
export function add(a: Counts, b: Counts): Counts
export function summary(counts: Counts): string
export function fromExit(code: number | string): Counts
export function fromVitest(report: VitestReport | undefined, code: number | string): Counts
export function fromPlaywright(report: PlaywrightReport | undefined, code: number | string): Counts
export function failedInVitest(report: VitestReport | undefined): string[]
export function failedInPlaywright(report: PlaywrightReport | undefined): string[]
