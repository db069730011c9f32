import { Command, CommanderError } from 'commander'
import { addApiKeyCommands } from './api-keys.ts'
import { addAuditArchiveCommand } from './audit-archive.ts'
import { addAuditEpochCommand } from './audit-epoch.ts'
import { addAuditCommands } from './audit-import.ts'
import { addBackupCommands } from './backup.ts'
import { addKeyCommands } from './keys.ts'
import { addMigrateCommand } from './migrate.ts'
import { addOrganisationCommands } from './organisations.ts'
import { oneLine } from './output.ts'
import { addVerifyCommand } from './verify.ts'
import { addVersionCommand } from './version.ts'

/** Runs one command line. @returns the exit code: 0, or 1 after one line on standard error */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = new Command('gatehouse')
    .description('The command line of a Gatehouse server')
    .exitOverride()
    .showHelpAfterError(false)
  for (const add of [
    addOrganisationCommands,
    addApiKeyCommands,
    addAuditCommands,
    addAuditArchiveCommand,
    addAuditEpochCommand,
    addBackupCommands,
    addKeyCommands,
    addMigrateCommand,
    addVerifyCommand,
    addVersionCommand,
  ])
    add(program)
  for (const command of allOf(program)) command.exitOverride()
  try {
    await program.parseAsync([...argv])
    return 0
  } catch (error) {
    // commander has written its own line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
    process.stderr.write(`gatehouse: ${oneLine(error)}\n`)
    return 1
  }
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)]
}
