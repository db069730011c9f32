/**
 * The log as other people's tools see it. A reader built on torchwood (filippo.io/torchwood) fetches it whole through tlog-tiles, rebuilds
 * its tree and verifies a .tlog-proof; litewitness, of the same house, becomes a witness of it and cosigns.
 */
import { join } from 'node:path'
import { addWitness } from '#server/audit/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import type { Instance } from '../e2e/support/instance.ts'
import { foundOrganisation, gatehouse } from '../e2e/support/operator.ts'
import { until } from '../e2e/support/wait.ts'
import type { Checks } from './checks.ts'
import { startWitness, type Witness } from './litewitness.ts'
import { appendAppEvents, readKey, strangerOf } from './product-log.ts'
import { runSuite } from './suite.ts'
import { buildGo, Missing, run } from './tools.ts'

const EVENTS = 3_000
const LOOPBACK = '127.0.0.0/8'

// Read here, too, where the witness is added.
process.env.GATEHOUSE_WITNESS_NETWORKS = LOOPBACK
await runSuite({
  name: 'log',
  env: { GATEHOUSE_WITNESS_NETWORKS: LOOPBACK },
  tool: () => buildGo('./logreader', 'filippo.io/torchwood/cmd/litewitness'),
  run: checkLog,
})

type Here = { checks: Checks; tool: string; instance: Instance; folder: string }

async function checkLog({ checks, tool: tools, instance, folder }: Here): Promise<void> {
  const operator = await foundOrganisation(instance)
  const scopes = 'audit:read,audit:unmask,audit:write'
  const { token } = await gatehouse<{ token: string }>(instance, [
    'api-key',
    'create',
    '--name',
    'interop',
    '--scopes',
    scopes,
    '--json',
  ])
  const log = `${instance.gatewayUrl}/log/${operator.tenantId}/`
  const env = { ...process.env, TOKEN: token }
  const vkey = await readKey(log, token, instance.caFile)
  const read = (...more: string[]) =>
    run(join(tools, 'logreader'), ['-base', log, '-vkey', vkey, '-ca', instance.caFile, ...more], { env })
  await appendAppEvents(instance, token, EVENTS)

  await checks.check('torchwood reads every entry and finds the signed root', () =>
    until('a checkpoint over every event', async () => {
      const told = await read()
      return Number(/^(\d+) entries/.exec(told)?.[1]) > EVENTS && told
    }),
  )
  await checks.check('torchwood refuses the log under another key', async () => {
    const other = strangerOf(vkey)
    const refused = await run(join(tools, 'logreader'), ['-base', log, '-vkey', other, '-ca', instance.caFile], {
      env,
    }).catch((error: Error) => error.message)
    if (!/did not sign|unverified|no verifiable/.test(refused)) throw new Error(refused)
    return undefined
  })
  await checks.check('torchwood verifies the .tlog-proof of an event and refuses it for another entry', async () => {
    const answer = await operator.insist('GET', '/audit/events?q=action%3Amessage.view&limit=1')
    const [event] = answer.items as { id: string; index: number }[]
    if (!event) throw new Error('no event was found')
    return read('-event', event.id, '-index', String(event.index))
  })
  await checkWitness({ checks, folder, tools, vkey, tenantId: operator.tenantId, read })
  await operator.close()
}

type Log = {
  checks: Checks
  folder: string
  tools: string
  vkey: string
  tenantId: string
  read: (...more: string[]) => Promise<string>
}

async function checkWitness({ checks, folder, tools, vkey, tenantId, read }: Log): Promise<void> {
  const what = 'litewitness cosigns, and torchwood finds its signature on the checkpoint that is served'
  let witness: Witness | undefined
  try {
    const here = await startWitness(join(tools, 'litewitness'), folder, vkey)
    witness = here
    await checks.check(what, async () => {
      await addWitness(systemActor(tenantId, 'interop'), { url: here.url, vkey: here.vkey })
      return until('a cosignature', () => read('-witness', here.vkey))
    })
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    checks.skip(what, error.message)
  } finally {
    witness?.stop()
  }
}
