import { applyErasures, guardLogs } from '#server/audit/jobs.ts'
import { applyDestroyedFiles } from '#server/content/commands.ts'
import { applyDestroyed } from '#server/devices/jobs.ts'
import { EnvError, readEnv } from '#server/kernel/env.ts'
import { isMasterKeyError, openKeys } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { buildGateway } from './app.ts'

const log = createLog('gateway')

async function main(): Promise<void> {
  const env = readEnv()
  await openKeys()
  // Before anybody is answered: a restored backup must not hand out what was destroyed since.
  await applyDestroyed()
  await applyDestroyedFiles()
  await applyErasures()
  await guardLogs(log)
  const app = await buildGateway({ env, log })
  const stop = async (signal: string) => {
    log.info({ signal }, 'gateway stopping')
    await app.close()
    await closeRuntime()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, (name) => void stop(name))
  await app.listen({ host: env.host, port: env.gatewayPort })
  log.info({ url: env.gatewayUrl }, 'gateway ready')
}

try {
  await main()
} catch (error) {
  if (error instanceof EnvError || isMasterKeyError(error)) console.error(error.message)
  else log.fatal({ err: error }, 'the gateway could not start')
  process.exit(1)
}
