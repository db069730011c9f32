import type { Command } from 'commander'
import { type Archived, archiveTenant } from '#server/audit/commands.ts'
import { getArchive } from '#server/audit/queries.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { withDatabase } from './database.ts'
import { findOrganisation } from './organisations.ts'
import { CliError, print } from './output.ts'

type Options = { tenant?: string; json?: boolean }

const PROBLEMS: Readonly<Record<NonNullable<Archived['problem']>, string>> = {
  altered: 'an event is not the one that the log published; the audit log names it',
  damaged: 'a file is not what had been written',
  changed: 'events or the rule were changed meanwhile: try again',
  contradicted: 'the database holds something else than what was recorded',
  unsigned: 'the log is not the one that was signed',
  unavailable: 'a file could not be written or read',
}

/** `gatehouse audit archive`: what the night does, now. */
export function addAuditArchiveCommand(program: Command): void {
  const audit = program.commands.find((command) => command.name() === 'audit') ?? program.command('audit')
  audit
    .command('archive')
    .description('move the days of the log that are old enough into the archive, as the worker does each night')
    .option('--tenant <id>', 'organisation (default: the only one)')
    .option('--json', 'answer in JSON')
    .action(archive)
}

async function archive({ tenant, json }: Options): Promise<void> {
  const done = await withDatabase(async () => {
    const { id } = await findOrganisation(tenant)
    const { days } = await getArchive(systemActor(id, 'cli'), {})
    if (days === null)
      throw new CliError('nothing is archived: the organisation has set no number of days (Audit, Keeping, Archive)')
    const isShown = !json && process.stderr.isTTY
    let events = 0
    const answer = await archiveTenant(id, {
      onFile: (file) => {
        events += file.entries
        if (isShown) process.stderr.write(`\r${file.date}: ${events} events written and verified\x1b[K`)
      },
    })
    if (isShown) process.stderr.write('\n')
    return answer
  })
  if (done.isBusy) throw new CliError('the archive of this organisation is being worked on: try again later')
  if (done.problem) throw new CliError(`the days stay where they are: ${PROBLEMS[done.problem]}`)
  const { files, events, bytes } = done
  print(json, { files, events, bytes }, `${events} events went into the archive: ${files} files, ${bytes} bytes.`)
}
