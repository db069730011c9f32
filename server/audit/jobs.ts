import 'server-only'
import type { Logger } from 'pino'
import { logsToSign, signHead } from './checkpoints.ts'
import type { LogState } from './schema.ts'

const EVERY_MS = 10_000

/** Signs every log that has grown; answers how many. A log that contradicts what was signed is left alone and said so. */
export async function signGrownLogs(log: Logger, options: { all?: boolean } = {}): Promise<number> {
  let signed = 0
  for (const tenantId of await logsToSign(options)) {
    try {
      const { state, size } = await signHead(tenantId)
      if (size !== null) signed++
      alarm(log, tenantId, state)
    } catch (err) {
      log.error({ err, tenantId }, 'a checkpoint could not be signed')
    }
  }
  return signed
}

const told = new Map<string, LogState>()

/** Said once for each change: the Trust page and the overview show it for as long as it lasts. */
function alarm(log: Logger, tenantId: string, state: LogState): void {
  if (told.get(tenantId) === state) return
  told.set(tenantId, state)
  if (state === 'ok' || state === 'unsigned') return
  log.error(
    { tenantId, state, alarm: 'audit.checkpoint.missing' },
    'the log does not continue what was signed: not signing',
  )
}

/**
 * Signs at once and then every ten seconds while logs grow. At the start every log is compared with what was published: an
 * old backup need not have grown to be found. `stop` waits for the round in flight.
 */
export function startCheckpoints(log: Logger): { stop: () => Promise<void> } {
  let round = signGrownLogs(log, { all: true }).catch(report)
  const timer = setInterval(() => {
    round = round.then(() => signGrownLogs(log)).catch(report)
  }, EVERY_MS)
  function report(err: unknown): number {
    log.warn({ err }, 'logs could not be signed: trying again')
    return 0
  }
  return {
    stop: async () => {
      clearInterval(timer)
      await round
    },
  }
}
