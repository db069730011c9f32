import { stripVTControlCharacters } from 'node:util'

export const NOTHING = { passed: 0, failed: 0, skipped: 0 }

export function add(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** A step that is one test: it passed when its program did. */
export function fromExit(code) {
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

/** Vitest's JSON report; a file that could not be loaded has no tests and counts as one failure. */
export function fromVitest(report, code) {
  if (!report) return fromExit(1)
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  )
  return orCrash(code, {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  })
}

/** Playwright's JSON report; `errors` holds what went wrong outside any test. */
export function fromPlaywright(report, code) {
  if (!report) return fromExit(1)
  const { expected, unexpected, flaky, skipped } = report.stats
  return orCrash(code, { passed: expected, failed: unexpected + flaky + report.errors.length, skipped })
}

/** A program that failed although no test did: an unhandled error, a crash after the report. */
function orCrash(code, counts) {
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts
}

/** What failed in Vitest's report, a line each. */
export function failedInVitest(report) {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults, status }) => {
    if (status === 'failed' && assertionResults.length === 0) return [`${name}: did not load`]
    return assertionResults
      .filter((result) => result.status === 'failed')
      .map(({ fullName, failureMessages = [] }) => `${name}: ${fullName}: ${gist(failureMessages[0])}`)
  })
}

/** What failed in Playwright's report, a line each. */
export function failedInPlaywright(report) {
  const failed = []
  const walk = ({ file, specs = [], suites = [] }) => {
    for (const { title, ok, tests = [] } of specs)
      if (!ok) failed.push(`${file}: ${title}: ${gist(tests[0]?.results?.at(-1)?.error?.message)}`)
    for (const suite of suites) walk(suite)
  }
  for (const suite of report?.suites ?? []) walk(suite)
  return [...failed, ...(report?.errors ?? []).map(({ message }) => gist(message))]
}

/** A property's failure says in later lines what it needs to be seen again. */
const AGAIN = /^(?:\{ seed: .*|Counterexample: .*)/gm

function gist(message = 'no message') {
  const text = stripVTControlCharacters(message)
  return [text.split('\n')[0], ...(text.match(AGAIN) ?? [])].map((line) => line.slice(0, 600)).join(' ')
}
