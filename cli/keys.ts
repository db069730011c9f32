import type { Command } from 'commander'
import { systemActor } from '#server/kernel/actor.ts'
import { continueRotation, type RotationStep, rotateMasterKey, rotateTenantKey } from '#server/tenants/commands.ts'
import { getKeys, listTenants } from '#server/tenants/queries.ts'
import type { KeysView } from '#server/tenants/schema.ts'
import { withDatabase } from './database.ts'
import { findOrganisation } from './organisations.ts'
import { CliError, print } from './output.ts'

const DAY_MS = 86_400_000

type Json = { json?: boolean }

/** `gatehouse keys list` and `gatehouse keys rotate`. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('the master key and the organisations’ data keys')
  keys
    .command('list')
    .description('which master key is in use, each organisation’s data key and its rotation')
    .option('--json', 'answer in JSON')
    .action(list)
  const rotate = keys.command('rotate').description('put a new key in the place of one in use; nothing stops meanwhile')
  rotate
    .command('tenant', { isDefault: true })
    .description('give an organisation a new data key, seal everything anew under it, destroy the old one')
    .option('--tenant <id>', 'organisation (default: the only one)')
    .option('--json', 'answer in JSON')
    .action(rotateTenant)
  rotate
    .command('master')
    .description('wrap every data key under a new master key, or the newest version of the one in Vault')
    .option('--new-key-file <file>', 'take the 32 bytes of this file instead of making new ones')
    .option('--to-file', 'out of Vault, into the file of GATEHOUSE_MASTER_KEY_FILE')
    .option('--json', 'answer in JSON')
    .action(rotateMaster)
}

async function list({ json }: Json): Promise<void> {
  const items = await withDatabase(async () => {
    const tenants = await listTenants()
    return Promise.all(
      tenants.map(async ({ id, name }) => ({ id, name, keys: await getKeys(systemActor(id, 'cli'), {}) })),
    )
  })
  const master = items[0]?.keys.master
  const lines = items.map(({ id, name, keys }) => `${id}  ${name}: ${lineOf(keys)}`)
  const first = master
    ? `Master key: ${master.id}${master.isMoving ? ' (moving: gatehouse keys rotate master)' : ''}`
    : ''
  const answer = {
    master: master ?? null,
    items: items.map(({ id, name, keys: { data, rotation } }) => ({ tenantId: id, name, data, rotation })),
  }
  print(json, answer, [first, ...lines].filter(Boolean).join('\n') || 'There is no organisation yet: gatehouse init')
}

function lineOf({ data, rotation }: KeysView): string {
  const days = Math.floor((Date.now() - data.createdAt.getTime()) / DAY_MS)
  const age = `data key ${data.id}, ${days} ${days === 1 ? 'day' : 'days'} old`
  if (rotation?.state === 'running') return `${age}; rotation ${rotation.done} of ${rotation.total}`
  return rotation?.state === 'blocked' ? `${age}; rotation blocked: ${rotation.damaged} values do not open` : age
}

/** The background process does the same; two that go on with one rotation take turns, and here the progress can be seen. */
async function rotateTenant({ tenant, json }: Json & { tenant?: string }): Promise<void> {
  const end = await withDatabase(async () => {
    const { id } = await findOrganisation(tenant)
    const started = await rotateTenantKey(systemActor(id, 'cli'), {})
    const ended = await continueRotation(id, (step) => progress(json, step))
    return ended ?? { ...started, done: started.total, state: 'done' as const }
  })
  if (end.state !== 'done')
    throw new CliError(
      'the older keys are kept: some values do not open under any of them (see key.rotate in the audit log)',
    )
  print(json, end, `The new data key is in use: ${end.done} values were sealed anew, the older keys are destroyed.`)
}

function progress(json: boolean | undefined, { done, total }: RotationStep): void {
  if (!json && process.stderr.isTTY) process.stderr.write(`${done} of ${total} values sealed anew\n`)
}

type Master = Json & { newKeyFile?: string; toFile?: boolean }

async function rotateMaster({ json, newKeyFile, toFile }: Master): Promise<void> {
  const done = await withDatabase(() =>
    rotateMasterKey({ ...(newKeyFile === undefined ? {} : { newKeyFile }), ...(toFile ? { toFile } : {}) }),
  )
  const { keys, organisations, from, to, where } = done
  const lines = [`${keys} keys of ${organisations} organisations are wrapped under ${to} (${where}).`]
  if (from.startsWith('file:') && to.startsWith('vault:'))
    lines.push(
      'The file of the old master key opens nothing any more: remove it, and keep it no longer than your oldest backup.',
    )
  if (toFile) lines.push('Unset GATEHOUSE_MASTER_KEY before the next start.')
  print(json, done, lines.join('\n'))
}
