import { createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ArchiveBucket } from '#server/kernel/env/archive-bucket.ts'
import { fileCache } from '../cache.ts'
import { bucketStore } from './bucket.ts'
import { addressOf } from './request.ts'

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-s3-'))
const SECRET = 'a/secret+of=the-bucket'
const NAME = 'tenant=0190b6f0-0000-7000-8000-000000000001/date=2026-03-01/000000000000.1.parquet'
const KEY = `some/where/${NAME}`

/** What a test makes of one request; true: it has answered. */
type Trouble = (request: IncomingMessage, response: ServerResponse) => boolean

const objects = new Map<string, { version: string; bytes: Buffer }[]>()
const asked: string[] = []
let troubles: Trouble[] = []
let isVersioned = false
/** Encrypted with a key of its own: the tag is no MD5. */
let isOpaque = false
/** How what is stored differs from what came. */
let stored = (bytes: Buffer) => bytes

const server = createServer(async (request, response) => {
  asked.push(request.method ?? '')
  const trouble = troubles.shift()
  if (trouble?.(request, response)) return
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const problem = problemOf(request, body)
  if (problem) return void refuse(response, 403, problem)
  const url = new URL(request.url ?? '', 'http://bucket')
  const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent)
  if (bucket !== 'vault') return void refuse(response, 404, 'NoSuchBucket')
  answer(request, response, { key: rest.join('/'), body, version: url.searchParams.get('versionId') })
})

type Asked = { key: string; body: Buffer; version: string | null }

function answer({ method }: IncomingMessage, response: ServerResponse, { key, body, version }: Asked) {
  const versions = objects.get(key) ?? []
  const last = versions.at(-1)
  if (method === 'PUT') {
    const made = { version: randomBytes(4).toString('hex'), bytes: stored(body) }
    objects.set(key, isVersioned ? [...versions, made] : [made])
    return void response.writeHead(200).end()
  }
  if (!last) return void refuse(response, 404, 'NoSuchKey')
  if (method === 'DELETE') {
    const left = version ? versions.filter((one) => one.version !== version) : []
    if (left.length > 0) objects.set(key, left)
    else objects.delete(key)
    return void response.writeHead(204).end()
  }
  response.writeHead(200, {
    etag: `"${isOpaque ? randomBytes(16).toString('hex') : createHash('md5').update(last.bytes).digest('hex')}"`,
    'content-length': last.bytes.length,
    ...(isVersioned && { 'x-amz-version-id': last.version }),
  })
  response.end(method === 'HEAD' ? undefined : last.bytes)
}

function refuse(response: ServerResponse, status: number, code: string) {
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-bucket-region': 'eu-south-9' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>…</Message></Error>`)
}

/** The other end of Signature Version 4: from what arrived, not from what was meant. */
function problemOf({ method, url, headers }: IncomingMessage, body: Buffer): string | null {
  const [path, query = ''] = (url ?? '').split('?')
  const said =
    /^AWS4-HMAC-SHA256 Credential=KEYID\/(\d{8})\/(.+)\/s3\/aws4_request, SignedHeaders=(.+), Signature=(.+)$/
  const [, date = '', region = '', names = '', signature] = said.exec(headers.authorization ?? '') ?? []
  for (const needed of ['host', 'x-amz-content-sha256', 'x-amz-date'])
    if (!names.split(';').includes(needed)) return 'AccessDenied'
  if (region !== 'eu-south-1') return 'AuthorizationHeaderMalformed'
  const sha256 = createHash('sha256').update(body).digest('hex')
  if (headers['x-amz-content-sha256'] !== sha256) return 'XAmzContentSHA256Mismatch'
  const md5 = headers['content-md5']
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return 'BadDigest'
  const lines = names.split(';').map((name) => `${name}:${headers[name]}\n`)
  const canonical = `${method}\n${path}\n${query}\n${lines.join('')}\n${names}\n${sha256}`
  const hash = createHash('sha256').update(canonical).digest('hex')
  const toSign = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${date}/${region}/s3/aws4_request\n${hash}`
  const sign = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const key = sign(sign(sign(sign(`AWS4${SECRET}`, date), region), 's3'), 'aws4_request')
  return sign(key, toSign).toString('hex') === signature ? null : 'SignatureDoesNotMatch'
}

const bucket: ArchiveBucket = {
  endpoint: '',
  bucket: 'vault',
  region: 'eu-south-1',
  accessKeyId: 'KEYID',
  secretAccessKey: SECRET,
  prefix: 'some/where',
}
const patience = { idleMs: 200, pausesMs: [1, 1] }
let cacheDir = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  bucket.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(dir, { recursive: true })
})
beforeEach(() => {
  objects.clear()
  asked.length = 0
  troubles = []
  isVersioned = false
  isOpaque = false
  stored = (bytes) => bytes
  cacheDir = mkdtempSync(join(dir, 'cache-'))
})

const storeOf = (changed: Partial<ArchiveBucket> = {}, limitBytes = 1_000_000) =>
  bucketStore({ ...bucket, ...changed }, fileCache(cacheDir, limitBytes), patience)

function made(bytes: Buffer = randomBytes(300_000), name = NAME) {
  const path = join(dir, 'made')
  writeFileSync(path, bytes)
  return { path, bytes, file: { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } }
}

const answers503: Trouble = (request, response) => {
  request.resume()
  refuse(response, 503, 'SlowDown')
  return true
}
const cuts: Trouble = (request) => {
  request.socket.destroy()
  return true
}
const isSilent: Trouble = () => true
const cutsWithin: Trouble = (_request, response) => {
  response.writeHead(200, { 'content-length': 300_000 })
  response.write(randomBytes(1_000), () => response.destroy())
  return true
}

test('what was put is kept under its key, and its copy is what the engine reads', async () => {
  const { file, path, bytes } = made()
  await storeOf().put(file, path)
  expect(asked).toEqual(['PUT', 'HEAD'])
  expect(objects.get(KEY)?.[0]?.bytes.equals(bytes)).toBe(true)
  expect(existsSync(path)).toBe(false)
  expect(readFileSync(await storeOf().local(file)).equals(bytes)).toBe(true)
  expect(asked).toEqual(['PUT', 'HEAD'])
})

test('without a copy it is fetched once, however many ask', async () => {
  const { file, path, bytes } = made()
  await storeOf().put(file, path)
  rmSync(cacheDir, { recursive: true })
  asked.length = 0
  const store = storeOf()
  const [one, other] = await Promise.all([store.local(file), store.local(file)])
  expect(asked).toEqual(['GET'])
  expect(one).toBe(other)
  expect(readFileSync(one).equals(bytes)).toBe(true)
})

test.each([
  ['503', answers503],
  ['a cut connection', cuts],
  ['silence', isSilent],
])('%s is tried again', async (_name, trouble) => {
  const { file, path, bytes } = made()
  troubles = [trouble, () => false, trouble]
  await storeOf().put(file, path)
  expect(asked).toEqual(['PUT', 'PUT', 'HEAD', 'HEAD'])
  rmSync(cacheDir, { recursive: true })
  troubles = [trouble]
  expect(readFileSync(await storeOf().local(file)).equals(bytes)).toBe(true)
})

test('an answer that was cut within is fetched again', async () => {
  const { file, path, bytes } = made()
  await storeOf().put(file, path)
  rmSync(cacheDir, { recursive: true })
  troubles = [cutsWithin]
  expect(readFileSync(await storeOf().local(file)).equals(bytes)).toBe(true)
})

test('after the last attempt the error says where and why, and no secret', async () => {
  const { file, path } = made()
  troubles = [answers503, answers503, answers503]
  const refused = await storeOf()
    .put(file, path)
    .catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'unavailable' })
  expect(String(refused)).toContain(`The archive's bucket vault did not take ${KEY}: 503 SlowDown`)
  expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain(SECRET)
  expect(existsSync(path)).toBe(true)
  troubles = [cuts, cuts, cuts]
  await expect(storeOf().local(file)).rejects.toThrow(`did not give ${KEY}: ECONNRESET`)
  expect(readdirSync(cacheDir, { recursive: true }).filter((name) => String(name).includes('.parquet'))).toEqual([])
})

test('what another attempt does not mend is not tried again', async () => {
  const { file, path } = made()
  await expect(storeOf({ secretAccessKey: 'another' }).put(file, path)).rejects.toThrow('403 SignatureDoesNotMatch')
  expect(asked).toEqual(['PUT'])
  await expect(storeOf({ bucket: 'other' }).local(file)).rejects.toThrow(
    `The archive's bucket other did not give ${KEY}: 404 NoSuchBucket (its region is eu-south-9)`,
  )
  expect(asked).toEqual(['PUT', 'GET'])
})

test('other bytes are refused: on their way there, where they are kept, and on their way back', async () => {
  const { file, path } = made()
  const other = { ...file, sha256: createHash('sha256').update('other').digest('hex') }
  await expect(storeOf().put(other, path)).rejects.toThrow('it is not the file that was made')
  expect(asked).toEqual([])
  stored = (bytes) => Buffer.concat([bytes.subarray(1), Buffer.of(0)])
  await expect(storeOf().put(file, path)).rejects.toThrow(`did not give ${KEY}: it is not the file that was put there`)
  await expect(storeOf().local(file)).rejects.toThrow('it is not the file that was put there')
  expect(existsSync(path)).toBe(true)
})

test('what counts is what the bucket has: a copy does not hide that it is gone or another one', async () => {
  const { file, path, bytes } = made()
  const store = storeOf()
  await store.put(file, path)
  expect(readFileSync(await store.kept(file)).equals(bytes)).toBe(true)
  const other = Buffer.from(bytes)
  other[7] = (other[7] ?? 0) ^ 1
  objects.set(KEY, [{ version: 'x', bytes: other }])
  const damaged = { code: 'unavailable', cause: { problem: 'damaged' } }
  await expect(store.kept(file)).rejects.toMatchObject(damaged)
  objects.clear()
  await expect(store.kept(file)).rejects.toMatchObject(damaged)
  rmSync(cacheDir, { recursive: true })
  await expect(store.local(file)).rejects.toMatchObject(damaged)
  // Nothing is known of it.
  for (const trouble of [answers503, cuts]) {
    troubles = [trouble, trouble, trouble]
    const refused = await store.kept(file).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'unavailable', cause: { name: 'S3Failure' } })
  }
  await expect(storeOf({ bucket: 'other' }).kept(file)).rejects.toMatchObject({ cause: { name: 'S3Failure' } })
})

test('a copy that went bad is fetched again', async () => {
  const { file, path, bytes } = made()
  const store = storeOf()
  await store.put(file, path)
  writeFileSync(join(cacheDir, NAME), randomBytes(bytes.length))
  expect(readFileSync(await store.kept(file)).equals(bytes)).toBe(true)
})

test('a bucket that tells no MD5 is read instead', async () => {
  const { file, path } = made()
  isOpaque = true
  await storeOf().put(file, path)
  expect(asked).toEqual(['PUT', 'HEAD', 'GET'])
})

test('removed is gone with all of its versions and the copy; removing what is not there does nothing', async () => {
  isVersioned = true
  for (const text of ['first', 'second']) {
    const { file, path } = made(Buffer.from(text))
    await storeOf().put(file, path)
  }
  expect(objects.get(KEY)).toHaveLength(2)
  await storeOf().remove(NAME)
  expect(objects.size).toBe(0)
  expect(existsSync(join(cacheDir, NAME))).toBe(false)
  await storeOf().remove(NAME)
})

test.each([
  ['http://store.internal:9000', '/vault/a%3Db/c.parquet'],
  ['https://vault.s3.eu-south-1.amazonaws.com', '/a%3Db/c.parquet'],
])('the bucket may stand in the endpoint: %s', (endpoint, path) => {
  expect(addressOf({ ...bucket, endpoint, prefix: '' }, 'a=b/c.parquet')).toEqual({ endpoint: new URL(endpoint), path })
})

test('copies take so much room and no more; what is in use stays', async () => {
  const store = storeOf({}, 1_000)
  const files = ['a', 'b', 'c'].map((name) => made(randomBytes(400), `date=${name}/${name}.parquet`))
  const kept = () => readdirSync(cacheDir, { recursive: true }).filter((name) => String(name).endsWith('.parquet'))
  const use = (name: string, minutesAgo: number) => {
    const at = Date.now() / 1_000 - minutesAgo * 60
    utimesSync(join(cacheDir, name), at, at)
  }
  for (const { file, bytes } of files) {
    const { path } = made(bytes, file.name)
    await store.put(file, path)
  }
  expect(kept()).toHaveLength(3)
  use('date=a/a.parquet', 20)
  use('date=b/b.parquet', 30)
  use('date=c/c.parquet', 40)
  await store.local({ name: 'date=c/c.parquet', bytes: 400, sha256: '' })
  const { file, path } = made(randomBytes(400), 'date=d/d.parquet')
  await store.put(file, path)
  expect(kept().sort()).toEqual(['date=c/c.parquet', 'date=d/d.parquet'])
})
