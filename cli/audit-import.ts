import { once } from 'node:events'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { importHistory } from '#server/audit/commands.ts'
import { getMapping } from '#server/audit/queries.ts'
import type { ImportAnswer, ImportMappingInput } from '#server/audit/schema.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { withDatabase } from './database.ts'
import { findOrganisation } from './organisations.ts'
import { CliError, print } from './output.ts'

type Options = {
  mapping: string
  name?: string
  tenant?: string
  dryRun?: boolean
  rejected?: string
  json?: boolean
}

const MAX_MAPPING_BYTES = 1024 * 1024

/** `gatehouse audit import`. */
export function addAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('the audit log')
    .command('import <file>')
    .description(
      'take a file of history (CSV or NDJSON) into the log; - reads standard input. Repeating it is harmless',
    )
    .requiredOption('--mapping <file>', 'which column says what: a JSON file, or the name of a saved mapping')
    .option('--name <name>', 'source of the events, import:NAME (default: the mapping’s name)')
    .option('--tenant <id>', 'organisation (default: the only one)')
    .option('--dry-run', 'read and check everything, write nothing')
    .option('--rejected <file>', 'write every rejected line to this file, as NDJSON')
    .option('--json', 'answer in JSON')
    .action(importFile)
}

async function importFile(file: string, { mapping, name, tenant, dryRun, rejected, json }: Options): Promise<void> {
  if (file !== '-') requireFile(file)
  const answer = await withDatabase(async () => {
    const { id } = await findOrganisation(tenant)
    const actor = systemActor(id, 'cli')
    const document = readMapping(mapping) ?? (await savedMapping(id, mapping))
    const lines = rejected === undefined ? null : await openLines(rejected)
    const done = await importHistory(actor, {
      file: file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 }),
      fileName: file === '-' ? 'standard input' : file,
      mapping: document,
      name,
      dryRun,
      onProgress: json ? undefined : showProgress,
      onRejected: lines?.write,
    })
    await lines?.close()
    return done
  })
  print(json, answer, lineOf(answer))
}

/** A file of lines that is written as fast as the disk takes it and no faster. */
async function openLines(
  path: string,
): Promise<{ write: (line: object) => Promise<void>; close: () => Promise<void> }> {
  const file = await open(path, 'w', 0o600).catch((cause: unknown) => {
    throw new CliError(
      `--rejected: ${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
  })
  const stream = file.createWriteStream()
  return {
    write: async (line) => {
      if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain')
    },
    close: () => finished(stream.end()),
  }
}

function requireFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found?.isFile()) throw new CliError(`${file}: there is no such file`)
}

/** The mapping in a file; null when there is no file of that name. */
function readMapping(file: string): ImportMappingInput | null {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found?.isFile()) return null
  if (found.size > MAX_MAPPING_BYTES) throw new CliError(`--mapping: ${file} is too large to be a mapping`)
  try {
    // The import parses what it is given: until then it has no form.
    return JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, '')) as ImportMappingInput
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`--mapping: ${file} is not JSON: ${why}`)
  }
}

async function savedMapping(tenantId: string, name: string): Promise<ImportMappingInput> {
  try {
    return (await getMapping(systemActor(tenantId, 'cli'), { name })).document
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new CliError(
      `--mapping: there is no file ${JSON.stringify(name.slice(0, 200))} and no saved mapping of that name`,
    )
  }
}

function showProgress({
  accepted,
  duplicates,
  rejectedCount,
}: Pick<ImportAnswer, 'accepted' | 'duplicates' | 'rejectedCount'>): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r${accepted} accepted, ${duplicates} duplicates, ${rejectedCount} rejected\x1b[K`)
}

function lineOf({
  source,
  file,
  records,
  accepted,
  duplicates,
  rejectedCount,
  rejected,
  dryRun,
}: ImportAnswer): string {
  if (records === 0) return `${file.name} holds no events: nothing was taken`
  const counts = `${accepted} accepted, ${duplicates} duplicates, ${rejectedCount} rejected`
  const shown = rejected.slice(0, 10).map(({ line, code, detail }) => `  line ${line}: ${code}: ${detail}`)
  const more =
    rejectedCount > shown.length ? [`  and ${rejectedCount - shown.length} more: --rejected FILE writes them all`] : []
  const head = `${dryRun ? 'Nothing was written. It would be ' : ''}${source}: ${counts}. SHA-256 of ${file.name}: ${file.sha256}`
  return [process.stderr.isTTY ? `\n${head}` : head, ...shown, ...more].join('\n')
}
