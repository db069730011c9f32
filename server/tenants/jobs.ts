import 'server-only'
import { z } from 'zod'
import { now } from '#server/kernel/clock.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { continueRotation, isStalled } from './key-rotation.ts'
import { listTenants } from './queries.ts'

const reseal = z.object({ tenantId: uuidField() })

/** Work of the key hierarchy, by task name. Each may run twice. */
export const keyJobs = {
  /** Seals everything of an organisation anew under its new data key. */
  'keys.reseal': async (payload: unknown): Promise<void> => {
    await continueRotation(reseal.parse(payload).tenantId)
  },
  /** Finds rotations whose process died. */
  'keys.sweep': async (): Promise<void> => {
    for (const { id } of await listTenants()) if (await isStalled(id, now())) await continueRotation(id)
  },
}

export const keySchedule = [{ task: 'keys.sweep', at: '* * * * *' }]
