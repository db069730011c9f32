import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { applyErasures, guardLogs, missingFromArchive } from '#server/audit/jobs.ts'
import { applyDestroyedFiles } from '#server/content/commands.ts'
import { applyDestroyed } from '#server/devices/jobs.ts'
import { masterKeysFor, openBackup, restoreBackup } from '#server/kernel/backup/restore-backup.ts'
import { type RestoredLog, restoredLogs } from '#server/kernel/backup/restored-logs.ts'
import { writeBackup } from '#server/kernel/backup/write-backup.ts'
import { type Env, readEnv } from '#server/kernel/env.ts'
import { createLog } from '#server/kernel/log.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { startPostgres } from '../scripts/lib/postgres.mjs'
import { prepare, withDatabase } from './database.ts'
import { CliError, print, readSecret } from './output.ts'

type Options = { passphraseStdin?: boolean; json?: boolean }

/** `gatehouse backup` and `gatehouse restore`. */
export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('write one file of everything this server keeps, while it runs; the master key is not in it')
    .requiredOption('--out <file>', 'the file to write; it must not exist')
    .option('--passphrase-stdin', 'encrypt the file under a passphrase read from standard input')
    .option('--json', 'answer in JSON')
    .action(backup)
  program
    .command('restore <file>')
    .description('load a backup into an empty data directory or database, after everything in it was verified')
    .option('--passphrase-stdin', 'read the passphrase of an encrypted backup from standard input')
    .option('--json', 'answer in JSON')
    .action(restore)
}

async function backup({ out, passphraseStdin, json }: Options & { out: string }): Promise<void> {
  const passphrase = passphraseStdin ? await readSecret('--passphrase-stdin') : undefined
  const made = await withDatabase(({ dataDir, archiveBucket }, adminUrl) =>
    writeBackup({
      adminUrl,
      dataDir,
      out: resolve(out),
      gatehouse: version(),
      ...(archiveBucket ? { bucket: archiveBucket.bucket } : {}),
      ...(passphrase === undefined ? {} : { passphrase }),
    }),
  )
  const events = made.logs.reduce((sum, { size }) => sum + size, 0)
  const lines = [
    `${made.file}: ${made.rows} rows of ${made.tables} tables, ${events} events, ${made.sizeBytes} bytes, as of ${made.createdAt}.`,
    `It does not hold the master key (${made.masterKey}): keep that apart, nothing sealed opens without it.`,
    ...(made.archive?.bucket && made.archive.files > 0
      ? [
          `It does not hold the ${made.archive.files} files of the log's archive: they lie in the bucket ${made.archive.bucket}.`,
        ]
      : []),
  ]
  print(json, made, lines.join('\n'))
}

async function restore(file: string, { passphraseStdin, json }: Options): Promise<void> {
  const env = readEnv()
  const passphrase = passphraseStdin ? await readSecret('--passphrase-stdin') : undefined
  const opened = await openBackup(file, passphrase)
  const masterKeys = masterKeysFor(opened.header, env)
  const restored = await withEmptyDatabase(env, async (adminUrl) => {
    const loaded = await restoreBackup({ adminUrl, dataDir: env.dataDir, masterKeys, backup: opened })
    // Newer migrations, and the logins of the processes.
    await prepare(env, adminUrl)
    return { ...loaded, ...(await putInOrder()) }
  })
  const lines = [
    `Restored as of ${restored.createdAt}: ${restored.rows} rows of ${restored.tables} tables. Every sum, count and tree is what was backed up.`,
    ...(restored.destroyedAgain > 0
      ? [`${restored.destroyedAgain} keys and personal values that were destroyed since are destroyed again.`]
      : []),
    ...restored.missing.map((name) => `The archive's file ${name} is missing or not what was recorded: bring it back.`),
    ...restored.logs.flatMap(lineOf),
  ]
  print(json, restored, lines.join('\n'))
}

/** As every start does before anybody is answered: what was destroyed since, and whether the logs continue what was published; and the archive's files. */
async function putInOrder(): Promise<{ destroyedAgain: number; missing: string[]; logs: RestoredLog[] }> {
  const destroyedAgain = (await applyDestroyed()) + (await applyDestroyedFiles()) + (await applyErasures())
  await guardLogs(createLog('cli'))
  return { destroyedAgain, missing: await missingFromArchive(), logs: await restoredLogs() }
}

function lineOf({ tenantId, size, frozen }: RestoredLog): string[] {
  if (frozen === null) return []
  return [
    `The log of ${tenantId} is frozen (${frozen}): newer checkpoints than its ${size} events were published. Restore a newer backup, or declare a new epoch: gatehouse audit new-epoch --tenant ${tenantId}.`,
  ]
}

async function withEmptyDatabase<T>(env: Env, work: (adminUrl: string) => Promise<T>): Promise<T> {
  // Refuses while a server holds the data directory.
  const postgres = env.databaseUrl ? null : await startPostgres({ dataDir: env.dataDir })
  const adminUrl = env.databaseUrl ?? postgres?.url
  if (!adminUrl) throw new CliError('there is no database')
  try {
    return await work(adminUrl)
  } finally {
    await closeRuntime()
    await postgres?.stop()
  }
}

function version(): string {
  const parsed = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return parsed.version
}
