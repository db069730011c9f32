import type { Command } from 'commander'
import { startEpoch } from '#server/audit/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { withDatabase } from './database.ts'
import { findOrganisation } from './organisations.ts'
import { print } from './output.ts'

type Options = { tenant?: string; reason: string; json?: boolean }

/** `gatehouse audit new-epoch`: the way on for a log that contradicts what was published, when nobody can sign in. */
export function addAuditEpochCommand(program: Command): void {
  const audit = program.commands.find((command) => command.name() === 'audit') ?? program.command('audit')
  audit
    .command('new-epoch')
    .description('declare that a frozen log goes on from what the database holds, under a new name and key')
    .requiredOption('--reason <text>', 'why; it stands in the log as the first event of the new epoch')
    .option('--tenant <id>', 'organisation (default: the only one)')
    .option('--json', 'answer in JSON')
    .action(async ({ tenant, reason, json }: Options) => {
      const started = await withDatabase(async () => {
        const { id } = await findOrganisation(tenant)
        return startEpoch(systemActor(id, 'cli'), { reason })
      })
      const { epoch, origin, heldSize, abandonedSize } = started
      const line = `Epoch ${epoch} begins at event ${heldSize}: ${origin}. ${abandonedSize} events had been published before; the rest of them is given up.`
      print(json, started, line)
    })
}
