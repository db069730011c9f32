import 'server-only'
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { runtime } from '#server/kernel/runtime.ts'

/** A checkpoint as it stands in the data directory, out of the database's reach: one JSON line each. */
export type Published = { size: number; note: string; signedAt: string }

const lineSchema = z.object({ size: z.number().int().positive(), note: z.string(), signedAt: z.string() })
const TAIL_BYTES = 16 * 1024

const known = new Map<string, { stamp: string; last: Published | null }>()

/**
 * The newest checkpoint published of an epoch (by default the newest that anything was published of); null before the first. A
 * line that was cut off by a crash does not count.
 */
export function lastPublished(tenantId: string, epoch = newestEpoch(tenantId)): Published | null {
  const file = publishedFile(tenantId, epoch)
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  if (!stat) return null
  const stamp = `${stat.ino}/${stat.size}/${stat.mtimeNs}`
  const before = known.get(file)
  if (before?.stamp === stamp) return before.last
  const last = newestLine(file)
  known.set(file, { stamp, last })
  return last
}

function newestLine(file: string): Published | null {
  const lines = readTail(file).split('\n').slice(0, -1)
  for (const line of lines.reverse()) {
    const parsed = parseLine(line)
    if (parsed) return parsed
  }
  return null
}

/** Every checkpoint published of an epoch, oldest first. */
export async function* allPublished(tenantId: string, epoch: number): AsyncGenerator<Published> {
  const file = publishedFile(tenantId, epoch)
  if (!existsSync(file)) return
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const parsed = parseLine(line)
    if (parsed) yield parsed
  }
}

/** The organisations and epochs of which something was published, whatever the database says. */
export function publishedLogs(): { tenantId: string; epoch: number }[] {
  const folder = join(runtime().dataDir, 'checkpoints')
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const [, tenantId = '', epoch = '1'] = /^([0-9a-f-]{36})(?:\.([1-9]\d{0,5}))?\.log$/.exec(name) ?? []
    return isUuid(tenantId) ? [{ tenantId, epoch: Number(epoch) }] : []
  })
}

/** The newest epoch that something was published of; the first when nothing was. */
export function newestEpoch(tenantId: string): number {
  const own = publishedLogs().filter((log) => log.tenantId === tenantId)
  return Math.max(1, ...own.map(({ epoch }) => epoch))
}

/** Adds a checkpoint; returns when it is on the disk. */
export function publish(tenantId: string, epoch: number, checkpoint: Published): void {
  const file = publishedFile(tenantId, epoch)
  mkdirSync(join(runtime().dataDir, 'checkpoints'), { recursive: true, mode: 0o700 })
  const handle = openSync(file, 'a+', 0o600)
  try {
    // After a crash within a line the next one starts afresh.
    const glue = endsInNewline(handle) ? '' : '\n'
    // All of it or an error: on a disk that is nearly full one write takes a part and says nothing.
    writeFileSync(handle, `${glue}${JSON.stringify(checkpoint)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function parseLine(line: string): Published | null {
  try {
    const parsed = lineSchema.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

function readTail(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(handle, buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString()
  } finally {
    closeSync(handle)
  }
}

function endsInNewline(handle: number): boolean {
  const { size } = fstatSync(handle)
  if (size === 0) return true
  const last = Buffer.alloc(1)
  readSync(handle, last, 0, 1, size - 1)
  return last[0] === 0x0a
}

/** Where an epoch's checkpoints stand; from the second on its number is in the name. */
export function publishedFile(tenantId: string, epoch: number): string {
  if (!isUuid(tenantId)) throw new TypeError('not the id of an organisation')
  return join(runtime().dataDir, 'checkpoints', `${tenantId}${epoch === 1 ? '' : `.${epoch}`}.log`)
}
