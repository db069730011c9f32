import { expect, test } from 'vitest'
import { failedInPlaywright, failedInVitest, fromPlaywright, fromVitest, summary } from './test-counts.mjs'

const vitest = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, testResults: [] }

test('the reports of both runners are counted', () => {
  expect(summary(fromVitest(vitest, 0))).toBe('3 passed, 0 failed, 2 skipped')
  const stats = { expected: 2, unexpected: 1, flaky: 0, skipped: 4 }
  expect(summary(fromPlaywright({ stats, errors: [{}] }, 1))).toBe('2 passed, 2 failed, 4 skipped')
})

test('a file that does not load is a failure', () => {
  const broken = { ...vitest, testResults: [{ status: 'failed', assertionResults: [] }] }
  expect(fromVitest(broken, 1).failed).toBe(1)
})

test('a runner that fails without a failed test, or without a report, is a failure', () => {
  expect(fromVitest(vitest, 1).failed).toBe(1)
  expect(fromVitest(vitest, 'SIGKILL').failed).toBe(1)
  expect(fromPlaywright(undefined, 0).failed).toBe(1)
})

test('of a property it says how to see the failure again', () => {
  const message =
    'Error: Property failed after 9 tests\n{ seed: 1, path: "8" }\nCounterexample: ["a"]\nShrunk 2 time(s)'
  const failure = { status: 'failed', fullName: 'holds', failureMessages: [message] }
  const testResults = [{ name: 'a.test.ts', status: 'failed', assertionResults: [failure] }]
  expect(failedInVitest({ ...vitest, testResults })).toEqual([
    'a.test.ts: holds: Error: Property failed after 9 tests { seed: 1, path: "8" } Counterexample: ["a"]',
  ])
})

test('what failed is named, with the first line of why', () => {
  const failure = { status: 'failed', fullName: 'sums add up', failureMessages: ['expected 1\n  at line 3'] }
  const testResults = [{ name: 'a.test.ts', status: 'failed', assertionResults: [failure, { status: 'passed' }] }]
  expect(failedInVitest({ ...vitest, testResults })).toEqual(['a.test.ts: sums add up: expected 1'])
  const spec = { title: 'opens', ok: false, tests: [{ results: [{ error: { message: '\u001b[31mno page\nmore' } }] }] }
  const suites = [{ file: 'a.spec.ts', suites: [{ file: 'a.spec.ts', specs: [spec, { title: 'closes', ok: true }] }] }]
  const stats = { expected: 1, unexpected: 1, flaky: 0, skipped: 0 }
  expect(failedInPlaywright({ stats, errors: [], suites })).toEqual(['a.spec.ts: opens: no page'])
})
