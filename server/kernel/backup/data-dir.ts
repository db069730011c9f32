import 'server-only'
import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { decrypt, encrypt } from '../cipher.ts'
import { writeFlushed } from '../write-once.ts'
import { isColdStream, placeColdFile } from './cold-files.ts'
import type { LogHead } from './format.ts'

/** Checkpoints as they were published: one file a log and epoch, one JSON line each. */
const PUBLISHED = /^([0-9a-f-]{36})(?:\.([1-9]\d{0,5}))?\.log$/
/** Lists of what was destroyed, and of what took the place of files of the archive. */
const DESTROYED = /^(?:destroyed-(?:files-|erasures-)?|archive-)[0-9a-f-]{36}$/
/** Keys that are in a backup, sealed. Neither the master key nor what each start makes for itself. */
const SEALED_KEY = /^(log-[0-9a-f.-]+\.key|vapid\.json)$/
const SEALED = '.sealed'

export type FileSource = { name: string; bytes: () => AsyncIterable<Uint8Array> }

/** Names in a folder; none where there is no folder. */
function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

/** The open files that belong to the database's state: what was published of the logs it holds, and whose keys were destroyed. */
export function openFiles(dataDir: string, logs: readonly LogHead[]): FileSource[] {
  const folder = join(dataDir, 'checkpoints')
  const sources = namesIn(folder).flatMap((name): FileSource[] => {
    const file = join(folder, name)
    const source = { name: `files/checkpoints/${name}` }
    if (DESTROYED.test(name)) return [{ ...source, bytes: () => createReadStream(file) }]
    const [, tenantId, epoch = '1'] = PUBLISHED.exec(name) ?? []
    const log = logs.find((head) => head.tenantId === tenantId)
    if (!log || Number(epoch) > log.epoch) return []
    const upTo = Number(epoch) === log.epoch ? log.size : Number.POSITIVE_INFINITY
    return [{ ...source, bytes: () => publishedUpTo(file, upTo) }]
  })
  const ca = join(dataDir, 'ca.pem')
  return existsSync(ca) ? [...sources, { name: 'files/ca.pem', bytes: () => createReadStream(ca) }] : sources
}

/** What was signed after the database was read would make the restored log look older than it is. */
async function* publishedUpTo(file: string, size: number): AsyncGenerator<Buffer> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }))
    if (sizeIn(line) <= size) yield Buffer.from(`${line}\n`)
}

/** The size of the log in a published line; of one that a crash cut off, more than any. */
function sizeIn(line: string): number {
  try {
    const { size } = JSON.parse(line) as { size?: unknown }
    return typeof size === 'number' ? size : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

export type Sealing = { key: Uint8Array; instanceId: string }

/** Keys of logs, of push and of the gateway's own TLS: without the instance's root secret, and so without its master key, noise. */
export function sealedKeys(dataDir: string, { key, instanceId }: Sealing): FileSource[] {
  const paths = [
    ...namesIn(join(dataDir, 'keys')).flatMap((name) => (SEALED_KEY.test(name) ? [`keys/${name}`] : [])),
    ...namesIn(join(dataDir, 'gateway-tls')).map((name) => `gateway-tls/${name}`),
  ]
  return paths
    .filter((path) => statSync(join(dataDir, path)).isFile())
    .map((path) => ({
      name: `${path}${SEALED}`,
      bytes: async function* () {
        yield encrypt(key, readFileSync(join(dataDir, path)), [instanceId, 'backup', path])
      },
    }))
}

/** Whether a stream of an archive is a file of the data directory that this version knows. */
export function isKnownFile(name: string): boolean {
  const [, checkpoint] = /^files\/checkpoints\/([^/]+)$/.exec(name) ?? []
  if (checkpoint) return DESTROYED.test(checkpoint) || PUBLISHED.test(checkpoint)
  const [, key] = /^keys\/([^/]+)\.sealed$/.exec(name) ?? []
  return (
    name === 'files/ca.pem' || (key ? SEALED_KEY.test(key) : /^gateway-tls\/[a-z0-9][a-z0-9.-]*\.sealed$/.test(name))
  )
}

/**
 * Puts the staged files of a backup in their places, without taking anything away: of a log the longer list of checkpoints stays, lists
 * of what was destroyed are joined, keys that are there stay. If we die within, the next attempt does the same again.
 */
export function placeFiles(staged: string, dataDir: string, names: readonly string[], sealing: Sealing): void {
  for (const name of names) {
    const from = join(staged, name)
    if (isColdStream(name)) placeColdFile(from, dataDir, name)
    else if (name.endsWith(SEALED)) placeKey(from, dataDir, name.slice(0, -SEALED.length), sealing)
    else placeFile(from, join(dataDir, name.replace(/^files\//, '')))
  }
}

function placeKey(from: string, dataDir: string, path: string, { key, instanceId }: Sealing): void {
  const plain = decrypt(key, readFileSync(from), [instanceId, 'backup', path])
  const to = join(dataDir, path)
  if (existsSync(to)) return
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  writeFlushed(`${to}.restored`, plain, 'w')
  renameSync(`${to}.restored`, to)
}

function placeFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  if (!existsSync(to) || (to.endsWith('.log') && newestIn(to) < newestIn(from))) renameSync(from, to)
  else if (DESTROYED.test(basename(to))) joinLists(from, to)
}

function joinLists(from: string, to: string): void {
  const known = new Set(readFileSync(to, 'utf8').split('\n'))
  const fresh = readFileSync(from, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !known.has(line))
  if (fresh.length > 0) appendFileSync(to, `\n${fresh.join('\n')}\n`, { flush: true })
}

/** The size of the log at the last whole line of a list of checkpoints; 0 without one. */
function newestIn(file: string): number {
  const sizes = readFileSync(file, 'utf8').trimEnd().split('\n').map(sizeIn)
  return sizes.findLast(Number.isFinite) ?? 0
}

/** Adds bytes to a staged file, mode 0600; `place` is made where needed. */
export async function stageFile(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const handle = openSync(file, 'wx', 0o600)
  try {
    for await (const chunk of bytes) writeFileSync(handle, chunk)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
