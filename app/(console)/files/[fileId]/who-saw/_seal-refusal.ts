import type { useTranslations } from 'next-intl'

/** What a refused report's problem document says. */
export type SealProblem = { code: string; detail: string; requestId: string }

type Words = {
  seal: ReturnType<typeof useTranslations<'whoSaw.seal'>>
  errors: ReturnType<typeof useTranslations<'errors'>>
}

/** Refusals with words of their own (server/audit/viewers/report.ts, bundle/seal.ts); of others the code's. */
const REFUSALS = [
  [/^Other reports are being made/, 'refused.busy'],
  [/^The log cannot be signed/, 'refused.unsigned'],
  [/^Entry (?<index>\d+) of the log is not the one/, 'refused.altered'],
] as const

const RETRY_SECONDS = 60

/** Why no report was made, in the reader's language. */
export function refusalWords({ seal, errors }: Words, { code, detail, requestId }: SealProblem): string {
  for (const [pattern, key] of REFUSALS) {
    const found = pattern.exec(detail)
    if (found) return seal(key, { index: Number(found.groups?.index ?? 0) })
  }
  const known = `code.${code}` as 'code.internal'
  return errors.has(known) ? errors(known, { requestId, seconds: RETRY_SECONDS }) : detail
}
