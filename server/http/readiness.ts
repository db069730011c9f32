import { isDatabaseReady } from '#server/kernel/db.ts'

/** Answers 200 when the database, migrated, can be read; else 503 with Retry-After. For probes: nobody is asked who they are. */
export async function readiness(): Promise<Response> {
  if (await isDatabaseReady()) return Response.json({ status: 'ok' })
  const body = { status: 'unavailable', detail: 'The database does not answer.' }
  return Response.json(body, { status: 503, headers: { 'Retry-After': '5' } })
}
