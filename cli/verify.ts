import { existsSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { CliError, print } from './output.ts'
import { openFolder, openGateway } from './verify/source.ts'
import { readAgainst, readState, writeState } from './verify/state-file.ts'
import type { UncheckedKey } from './verify/unchecked-key.ts'
import { verifyFile } from './verify/verify-file.ts'
import { verifySource } from './verify/verify-source.ts'

type Options = {
  key?: string
  ca?: string
  against?: string[]
  witness?: string[]
  state?: string
  json?: boolean
}

/** `gatehouse verify`: shares no code with the server but the protocol. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .argument(
      '<place>',
      'https://GATEWAY/log/ORGANISATION, a folder with the files of a log, a sealed bundle or a .tlog-proof',
    )
    .description('check an audit log without trusting the server (API key with audit:read in GATEHOUSE_API_KEY)')
    .option(
      '--key <vkey>',
      'public key of the log, from somebody you trust; without it whose key it is stays unchecked, which is said',
    )
    .option('--ca <file>', 'certificate authority of the gateway, PEM')
    .option('--against <file>', 'checkpoints kept elsewhere, each of which the log must extend; may be repeated', add)
    .option('--witness <vkey>', 'public key of a witness that must have cosigned the checkpoint; may be repeated', add)
    .option('--state <file>', 'remembers what was verified, so that the next run names whatever was changed since')
    .option('--json', 'answer in JSON')
    .action(async (place: string, options: Options) => {
      const isGateway = /^https?:\/\//.test(place)
      if (!isGateway && !existsSync(place)) throw new CliError(`${place} is neither a URL nor a file or folder`)
      await (isGateway || statSync(place).isDirectory()
        ? verifyWhole(place, isGateway, options)
        : verifyOne(place, options))
    })
}

function add(value: string, values: readonly string[] = []): string[] {
  return [...values, value]
}

async function verifyWhole(place: string, isGateway: boolean, options: Options): Promise<void> {
  const { key, ca, against = [], witness = [], state, json } = options
  const source = isGateway ? openGateway(place, { apiKey: process.env.GATEHOUSE_API_KEY, ca }) : openFolder(place)
  const { verdict, size, origin, unchecked, cosigned } = await verifySource(source, {
    vkey: key,
    against: against.flatMap(readAgainst),
    witnesses: witness,
    memory: state === undefined ? undefined : readState(state),
    rememberAt: state === undefined ? undefined : new Date(),
    onProgress: json || !process.stderr.isTTY ? undefined : showProgress,
  })
  if (!verdict.ok) return refuse({ ...verdict, origin, size }, json)
  if (state !== undefined && verdict.memory) writeState(state, verdict.memory)
  const { personalChecked, purged } = verdict
  const seen = cosigned.map(({ witness: name, at }) => `, cosigned by ${name} at ${at}`).join('')
  const gone = purged > 0 ? `, ${purged} of them only by their hashes` : ''
  print(
    json,
    { ok: true, kind: 'log', origin, size, ...keyAnswer(unchecked), personalChecked, purged, cosigned },
    `${origin}: all ${size} entries are as they were signed${gone}${seen}`,
  )
  if (unchecked) warn(unchecked)
}

async function verifyOne(place: string, { key, against, witness, state, json }: Options): Promise<void> {
  if (against ?? witness ?? state)
    throw new CliError('--against, --witness and --state are for a whole log, not for one file')
  const verdict = await verifyFile(place, key)
  if (!verdict.ok) return refuse(verdict, json)
  const { answer, line, unchecked } = verdict
  print(json, { ok: true, ...answer, ...keyAnswer(unchecked) }, line)
  if (unchecked) warn(unchecked)
}

function warn({ warning }: UncheckedKey): void {
  process.stderr.write(`\n${warning}\n`)
}

function keyAnswer(unchecked: UncheckedKey | null) {
  return unchecked ? { isKeyServed: true, ...unchecked } : { isKeyServed: false }
}

type Refusal = { code: string; index?: number | undefined; reason: string; origin?: string; size?: number }

function refuse(verdict: Refusal, json: boolean | undefined): never {
  const { code, index, reason, ...more } = verdict
  if (json) process.stdout.write(`${JSON.stringify({ ...more, ok: false, code, index: index ?? null, reason })}\n`)
  throw new CliError(`this does not hold: ${reason}`)
}

let shown = 0

function showProgress(done: number, size: number): void {
  const percent = size === 0 ? 100 : Math.floor((100 * done) / size)
  if (percent === shown) return
  shown = percent
  process.stderr.write(percent === 100 ? '\r\u001b[K' : `\r${percent} %`)
}
