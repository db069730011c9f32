import { approvalJobs, approvalSchedule } from '#server/approvals/jobs.ts'
import {
  applyErasures,
  archiveJobs,
  archiveSchedule,
  auditJobs,
  auditSchedule,
  endVerifications,
  keepingJobs,
  keepingSchedule,
  resumeVerifications,
  startCheckpoints,
  startIndexUpkeep,
  VERIFICATIONS_AT_ONCE,
  verificationJobs,
} from '#server/audit/jobs.ts'
// Loaded for what they define: a request is carried out by the command that made it.
import { applyDestroyedFiles } from '#server/content/commands.ts'
import {
  beginInspections,
  contentJobs,
  contentSchedule,
  endInspections,
  INSPECTIONS_AT_ONCE,
  inspectionJobs,
} from '#server/content/jobs.ts'
import '#server/devices/commands.ts'
import { applyDestroyed, deviceJobs, deviceSchedule } from '#server/devices/jobs.ts'
import {
  EXPORTS_AT_ONCE,
  endExports,
  exportJobs,
  exportSchedule,
  exportUpkeep,
  resumeExports,
} from '#server/exports/jobs.ts'
import { type Scheduled, startQueue, type Task } from '#server/jobs/queue.ts'
import { upkeepSchedule, upkeepTasks } from '#server/jobs/upkeep.ts'
import { EnvError, readEnv } from '#server/kernel/env.ts'
import { rememberGatewayUrl } from '#server/kernel/gateway-address.ts'
import { isMasterKeyError, openKeys } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { peopleJobs } from '#server/people/jobs.ts'
import { keyJobs, keySchedule } from '#server/tenants/jobs.ts'

const log = createLog('worker')

/** Every task of the background process; a domain adds its `jobs.ts` here. */
const tasks: Record<string, Task> = {
  ...upkeepTasks,
  ...approvalJobs,
  ...auditJobs,
  ...keepingJobs,
  ...archiveJobs,
  ...contentJobs,
  ...deviceJobs,
  ...exportUpkeep,
  ...peopleJobs,
  ...keyJobs,
}
const schedule: Scheduled[] = [
  ...upkeepSchedule,
  ...approvalSchedule,
  ...auditSchedule,
  ...keepingSchedule,
  ...archiveSchedule,
  ...contentSchedule,
  ...deviceSchedule,
  ...exportSchedule,
  ...keySchedule,
]

async function main(): Promise<void> {
  const env = readEnv()
  await openKeys()
  rememberGatewayUrl(env)
  const destroyed = (await applyDestroyed()) + (await applyDestroyedFiles()) + (await applyErasures())
  if (destroyed > 0) log.warn({ destroyed }, 'what had been destroyed and a restore brought back was destroyed again')
  await upkeepTasks['upkeep.partitions']()
  const queue = await startQueue({ tasks, schedule, log })
  await beginInspections()
  const inspections = await startQueue({ tasks: inspectionJobs, schedule: [], log, concurrency: INSPECTIONS_AT_ONCE })
  await resumeExports()
  const exports = await startQueue({ tasks: exportJobs, schedule: [], log, concurrency: EXPORTS_AT_ONCE })
  await resumeVerifications()
  const verifications = await startQueue({
    tasks: verificationJobs,
    schedule: [],
    log,
    concurrency: VERIFICATIONS_AT_ONCE,
  })
  const checkpoints = startCheckpoints(log)
  const index = startIndexUpkeep(log)
  let stopping = false
  const stop = async (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'worker stopping')
    endExports()
    endVerifications()
    await Promise.all([
      queue.stop(),
      inspections.stop(),
      exports.stop(),
      verifications.stop(),
      endInspections(),
      checkpoints.stop(),
      index.stop(),
    ])
    await closeRuntime()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, (name) => void stop(name))
  log.info('worker ready')
  await Promise.race([queue.ended, inspections.ended, exports.ended, verifications.ended])
  // Ended without being asked to: whoever supervises starts us again.
  if (!stopping) throw new Error('the queue ended by itself')
}

try {
  await main()
} catch (error) {
  if (error instanceof EnvError || isMasterKeyError(error)) console.error(error.message)
  else log.fatal({ err: error }, 'the worker could not go on')
  process.exit(1)
}
