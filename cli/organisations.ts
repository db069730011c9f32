import type { Command } from 'commander'
import { foundOrganisation } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { resumeTenant, suspendTenant } from '#server/tenants/commands.ts'
import { listTenants, type TenantLine } from '#server/tenants/queries.ts'
import { withDatabase } from './database.ts'
import { CliError, print, readSecret } from './output.ts'

type Founding = { name: string; owner: string; ownerName?: string; passwordStdin?: boolean; json?: boolean }

/** `gatehouse init` and `gatehouse org create|list|suspend|resume`. */
export function addOrganisationCommands(program: Command): void {
  withFoundingOptions(program.command('init'), '--org <name>')
    .description('found the first organisation with its founding owner')
    .action(({ org, ...options }: Omit<Founding, 'name'> & { org: string }) => found({ ...options, name: org }))
  const org = program.command('org').description('organisations of this server')
  withFoundingOptions(org.command('create'), '--name <name>')
    .description('found an organisation with its founding owner')
    .action(found)
  org.command('list').description('every organisation, oldest first').option('--json', 'answer in JSON').action(list)
  org
    .command('suspend <id>')
    .description('stop everything in an organisation until it is resumed')
    .option('--json', 'answer in JSON')
    .action(suspend)
  org
    .command('resume <id>')
    .description('let a suspended organisation go on')
    .option('--json', 'answer in JSON')
    .action(resume)
}

function withFoundingOptions(command: Command, nameOption: string): Command {
  return command
    .requiredOption(nameOption, 'name of the organisation')
    .requiredOption('--owner <email>', 'email of the founding owner')
    .option('--owner-name <name>', 'name of the founding owner (default: the email)')
    .option('--password-stdin', 'read the owner’s password from standard input')
    .option('--json', 'answer in JSON')
}

async function found({ name, owner, ownerName, passwordStdin, json }: Founding): Promise<void> {
  if (!passwordStdin)
    throw new CliError('--password-stdin is required: a password on the command line would be seen by others')
  const password = await readSecret()
  const { logOrigin, ...ids } = await withDatabase(() =>
    foundOrganisation({ organisation: name, name: ownerName ?? owner, email: owner, password }, { by: 'cli' }),
  )
  const founded = `${name} is founded. Organisation ${ids.tenantId}, owner ${ids.personId}.`
  print(json, ids, `${founded} Its audit log is named ${logOrigin} for ever.`)
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const items = await withDatabase(listTenants)
  const lines = items.map(
    ({ id, name, status, createdAt }) => `${id}  ${status.padEnd(9)}  ${createdAt.toISOString()}  ${name}`,
  )
  print(json, { items }, lines.join('\n') || 'There is no organisation yet: gatehouse init')
}

function suspend(id: string, { json }: { json?: boolean }): Promise<void> {
  return withDatabase(async () => {
    const { id: tenantId, name } = await findOrganisation(id)
    await suspendTenant(systemActor(tenantId, 'cli'), {})
    print(json, { tenantId, status: 'suspended' }, `${name} is suspended: sessions, keys and devices are refused.`)
  })
}

function resume(id: string, { json }: { json?: boolean }): Promise<void> {
  return withDatabase(async () => {
    const { id: tenantId, name } = await findOrganisation(id)
    await resumeTenant(systemActor(tenantId, 'cli'), {})
    print(json, { tenantId, status: 'active' }, `${name} goes on.`)
  })
}

/** The organisation with this id; without an id the only one. @throws CliError */
export async function findOrganisation(id: string | undefined): Promise<TenantLine> {
  const all = await listTenants()
  const [only] = all
  if (id === undefined && all.length === 1 && only) return only
  if (id === undefined)
    throw new CliError(
      all.length === 0
        ? 'there is no organisation yet: gatehouse init'
        : `--tenant is required: there are ${all.length} organisations (gatehouse org list)`,
    )
  const found = all.find((tenant) => tenant.id === id.toLowerCase())
  if (!found) throw new CliError(`there is no organisation ${JSON.stringify(id.slice(0, 80))} (gatehouse org list)`)
  return found
}
