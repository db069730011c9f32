import { readiness } from '#server/http/readiness.ts'

export const dynamic = 'force-dynamic'

/** The database, migrated, answers too. */
export function GET(): Promise<Response> {
  return readiness()
}
