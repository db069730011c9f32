import type { Command } from 'commander'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { isPermission, PERMISSIONS, type Permission } from '#server/kernel/permissions.ts'
import { withDatabase } from './database.ts'
import { findOrganisation } from './organisations.ts'
import { CliError, print } from './output.ts'

type Options = { name: string; scopes: string; tenant?: string; json?: boolean }

/** `gatehouse api-key create`. */
export function addApiKeyCommands(program: Command): void {
  program
    .command('api-key')
    .description('API keys')
    .command('create')
    .description('make an API key; its token is printed once')
    .requiredOption('--name <name>', 'what will use it')
    .requiredOption('--scopes <scopes>', `separated by commas: ${PERMISSIONS.join(', ')}`)
    .option('--tenant <id>', 'organisation (default: the only one)')
    .option('--json', 'answer in JSON')
    .action(create)
}

async function create({ name, scopes, tenant, json }: Options): Promise<void> {
  const wanted = parseScopes(scopes)
  const key = await withDatabase(async () => {
    const { id } = await findOrganisation(tenant)
    return createApiKey(systemActor(id, 'cli'), { name, scopes: wanted })
  })
  print(json, key, key.token)
}

function parseScopes(text: string): Permission[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  const unknown = names.find((name) => !isPermission(name))
  if (unknown !== undefined)
    throw new CliError(`--scopes: ${JSON.stringify(unknown.slice(0, 80))} is none of ${PERMISSIONS.join(', ')}`)
  if (names.length === 0) throw new CliError('--scopes: needs at least one scope')
  return names.filter(isPermission)
}
