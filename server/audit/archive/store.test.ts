import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { directoryStore } from './directory.ts'

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-store-'))
afterAll(() => rmSync(dir, { recursive: true }))

const NAME = 'tenant=0190b6f0-0000-7000-8000-000000000001/date=2026-03-01/000000000000.1.parquet'
const root = join(dir, 'archive')
const store = directoryStore(root)

function made(text: string, name = NAME) {
  const path = join(dir, 'made')
  writeFileSync(path, text)
  return { path, file: { name, bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') } }
}

test('what was put is there under its name, and no longer where it was made', async () => {
  const { file, path } = made('first')
  await store.put(file, path)
  expect(await store.local(file)).toBe(join(root, NAME))
  expect(readFileSync(await store.local(file), 'utf8')).toBe('first')
  expect(existsSync(path)).toBe(false)
})

test('put again, it is what was put last', async () => {
  const { file, path } = made('another')
  await store.put(file, path)
  expect(readFileSync(await store.local(file), 'utf8')).toBe('another')
  expect(readdirSync(join(root, NAME, '..'))).toEqual(['000000000000.1.parquet'])
})

test('what was not made as it is said to be is not taken', async () => {
  const { file, path } = made('short', 'a/b.parquet')
  await expect(store.put({ ...file, bytes: 6 }, path)).rejects.toThrow(
    "The archive's file a/b.parquet has 5 bytes and not 6.",
  )
  await expect(store.local(file)).rejects.toMatchObject({ code: 'unavailable' })
})

test('a file that is missing or was cut is named', async () => {
  const { file, path } = made('to be cut', 'c.parquet')
  await expect(store.local(file)).rejects.toThrow("The archive's file c.parquet is missing.")
  await store.put(file, path)
  truncateSync(join(root, 'c.parquet'), 3)
  await expect(store.local(file)).rejects.toThrow("The archive's file c.parquet has 3 bytes and not 9.")
})

test('removed is gone; removing what is not there does nothing', async () => {
  const { file, path } = made('gone', 'd/e/f.parquet')
  await store.put(file, path)
  await store.remove(file.name)
  await store.remove(file.name)
  await store.remove('never/was.parquet')
  await expect(store.local(file)).rejects.toThrow('is missing')
})

test('what a crash left of a file from another disk goes with it', async () => {
  const { file, path } = made('cut off', 'd/e/g.parquet')
  await store.put(file, path)
  writeFileSync(join(root, 'd/e/g.parquet.part'), 'cut')
  await store.remove(file.name)
  expect(readdirSync(join(root, 'd/e'))).toEqual([])
})

test.each(['../outside', '/etc/passwd', 'a/../../b', 'a//b', '.hidden', ''])('%j is no name', async (name) => {
  const { file, path } = made('x', name)
  await expect(store.put(file, path)).rejects.toThrow(TypeError)
  await expect(store.remove(name)).rejects.toThrow(TypeError)
})
