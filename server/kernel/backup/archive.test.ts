import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ArchiveReader } from './archive-reader.ts'
import { ArchiveWriter } from './archive-writer.ts'
import { type BackupHeader, FORMAT, PART_BYTES } from './format.ts'
import { decryptedFrom, encryptTo } from './passphrase.ts'
import { readTar } from './tar.ts'

const header: BackupHeader = {
  format: FORMAT,
  gatehouse: '0.1.0',
  postgres: '18.4',
  createdAt: '2026-11-23T08:00:00.000Z',
  instanceId: '0199b6a0-0000-7000-8000-000000000001',
  masterKey: null,
  migrations: [],
  tables: [],
  leftOut: [],
  months: [],
  logs: [],
}
const noise = randomBytes(PART_BYTES + 12_345)

async function* chunks(bytes: Uint8Array, size = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function made(passphrase?: string): Promise<Buffer> {
  const out: Uint8Array[] = []
  const sink = async (bytes: Uint8Array) => void out.push(Buffer.from(bytes))
  const sealed = passphrase === undefined ? null : await encryptTo(sink, passphrase)
  const writer = new ArchiveWriter(sealed?.write ?? sink, header)
  await writer.add('tables/noise', chunks(noise), () => 7)
  await writer.add('files/empty', chunks(new Uint8Array(0)))
  await writer.add('files/words', chunks(Buffer.from('some words')))
  await writer.end()
  await sealed?.end()
  return Buffer.concat(out)
}

async function read(archive: Uint8Array, { passphrase, rows = 7 }: { passphrase?: string; rows?: number } = {}) {
  const reader = new ArchiveReader(decryptedFrom(chunks(archive), passphrase))
  const got: Record<string, Buffer> = {}
  expect(await reader.header()).toEqual(header)
  for (let name = await reader.peek(); name !== undefined; name = await reader.peek()) {
    const parts: Buffer[] = []
    for await (const part of reader.stream(name)) parts.push(part)
    got[name] = Buffer.concat(parts)
  }
  await reader.end(new Map([['tables/noise', rows]]))
  return got
}

/** Where a member's bytes begin. */
function bodyOf(archive: Buffer, name: string): number {
  return archive.indexOf(name) + 512
}

test('what went in comes out, whatever the pieces', async () => {
  const got = await read(await made())
  expect(Object.keys(got)).toEqual(['tables/noise', 'files/words'])
  expect(got['tables/noise']?.equals(noise)).toBe(true)
  expect(got['files/words']?.toString()).toBe('some words')
})

test('it is a tar of compressed parts between header and manifest', async () => {
  const names: string[] = []
  for await (const { name } of readTar(chunks(await made()))) names.push(name)
  expect(names).toEqual([
    'backup.json',
    'tables/noise/000001.zst',
    'tables/noise/000002.zst',
    'files/words/000001.zst',
    'manifest.json',
  ])
})

test.each([
  [
    'a byte of a part',
    (a: Buffer) => flip(a, bodyOf(a, 'tables/noise/000002.zst') + 99),
    /^tables\/noise\/000002.zst is damaged/,
  ],
  [
    'a byte of the header',
    (a: Buffer) => flip(a, a.indexOf('0.1.0')),
    /backup.json is not what was backed up|expected/,
  ],
  [
    'a byte between members',
    (a: Buffer) => flip(a, a.indexOf('files/words/000001.zst') + 3),
    /damaged after tables\/noise\/000002.zst/,
  ],
  [
    'the end cut off',
    (a: Buffer) => a.subarray(0, bodyOf(a, 'tables/noise/000002.zst') + 5_000),
    /ends early, in or after tables\/noise\/000002/,
  ],
  [
    'cut off between two members',
    (a: Buffer) => a.subarray(0, a.indexOf('files/words/000001.zst')),
    /ends early, in or after tables\/noise\/000002/,
  ],
  [
    'without its manifest',
    (a: Buffer) => Buffer.concat([a.subarray(0, a.indexOf('manifest.json')), Buffer.alloc(1_024)]),
    /ends without manifest.json/,
  ],
  [
    'a part taken out',
    (a: Buffer) => without(a, 'tables/noise/000002.zst', 'files/words/000001.zst'),
    /tables\/noise is not what was backed up/,
  ],
  ['something else', () => Buffer.from('#!/bin/sh\n'.repeat(100)), /this is no backup/],
  ['nothing', () => Buffer.alloc(0), /this is no backup: the file is empty/],
])('%s is named', async (_what, change, message) => {
  await expect(read(change(await made()))).rejects.toThrow(message)
})

test('rows that did not arrive are counted', async () => {
  await expect(read(await made(), { rows: 6 })).rejects.toThrow('tables/noise: 6 rows were loaded, 7 were backed up')
})

test('under a passphrase: nothing in clear; a wrong one, a missing one, a cut and a changed byte are named', async () => {
  const sealed = await made('correct horse')
  expect(sealed.includes('backup.json')).toBe(false)
  expect((await read(sealed, { passphrase: 'correct horse' }))['tables/noise']?.equals(noise)).toBe(true)
  await expect(read(sealed, { passphrase: 'wrong horse' })).rejects.toThrow(/passphrase is not the one/)
  await expect(read(sealed)).rejects.toThrow('the backup is encrypted: --passphrase-stdin')
  await expect(read(await made(), { passphrase: 'x' })).rejects.toThrow(/is not encrypted/)
  await expect(read(flip(sealed, 2_500_000), { passphrase: 'correct horse' })).rejects.toThrow(/frame 2 .* is damaged/)
  // Exactly between two frames: each of those that are left opens.
  const cut = 29 + 16 + 2 * (4 + 1_048_576 + 16)
  await expect(read(sealed.subarray(0, cut), { passphrase: 'correct horse' })).rejects.toThrow(/ends early/)
})

function flip(archive: Buffer, at: number): Buffer {
  const changed = Buffer.from(archive)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function without(archive: Buffer, from: string, to: string): Buffer {
  return Buffer.concat([archive.subarray(0, archive.indexOf(from)), archive.subarray(archive.indexOf(to))])
}
