import 'server-only'
import { z } from 'zod'
import { pgTransaction } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { VERIFY_TASK, verifyJob } from './request.ts'
import { runVerification } from './run.ts'
import { unfinishedVerification } from './state.ts'

const payloadOf = z.object({ tenantId: uuidField(), verificationId: uuidField() })

/** A log of millions takes minutes: verifications have a queue of their own, so that nothing waits for them. */
export const verificationJobs = {
  [VERIFY_TASK]: async (payload: unknown): Promise<void> => {
    const { tenantId, verificationId } = payloadOf.parse(payload)
    await runVerification(tenantId, verificationId, { signal: ending.signal })
  },
}

/** One after another: each keeps a processor busy. */
export const VERIFICATIONS_AT_ONCE = 1

const ending = new AbortController()

/** Lets the verification that runs stop where it is; the next start begins it again. */
export function endVerifications(): void {
  ending.abort()
}

/** Before the queue begins: what a killed worker was verifying starts again. */
export async function resumeVerifications(): Promise<void> {
  for (const { id: tenantId } of await listTenants()) {
    const id = await unfinishedVerification(tenantId)
    if (id) await pgTransaction('writer', tenantId, (_client, sql) => enqueueJobs(sql, [verifyJob(tenantId, id)]))
  }
}
