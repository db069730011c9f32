import 'server-only'
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { runtime } from '#server/kernel/runtime.ts'

/** A checkpoint as it stands in the data directory, out of the database's reach: one JSON line each. */
export type Published = { size: number; note: string; signedAt: string }

const lineSchema = z.object({ size: z.number().int().positive(), note: z.string(), signedAt: z.string() })
const TAIL_BYTES = 16 * 1024

/** The newest published checkpoint; null before the first. A line that was cut off by a crash does not count. */
export function lastPublished(tenantId: string): Published | null {
  const file = fileOf(tenantId)
  if (!existsSync(file)) return null
  const lines = readTail(file).split('\n').slice(0, -1)
  for (const line of lines.reverse()) {
    const parsed = parseLine(line)
    if (parsed) return parsed
  }
  return null
}

/** Adds a checkpoint; returns when it is on the disk. */
export function publish(tenantId: string, checkpoint: Published): void {
  const file = fileOf(tenantId)
  mkdirSync(join(runtime().dataDir, 'checkpoints'), { recursive: true, mode: 0o700 })
  const handle = openSync(file, 'a+', 0o600)
  try {
    // After a crash within a line the next one starts afresh.
    const glue = endsInNewline(handle) ? '' : '\n'
    writeSync(handle, `${glue}${JSON.stringify(checkpoint)}\n`)
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

function fileOf(tenantId: string): string {
  if (!isUuid(tenantId)) throw new TypeError('not the id of an organisation')
  return join(runtime().dataDir, 'checkpoints', `${tenantId}.log`)
}
