import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVaultStub, type VaultStub } from '#test/vault-stub.ts'
import { encrypt } from './cipher.ts'
import { discardNextFile, prepareNextFile, promoteNextFile } from './master-key-file.ts'
import { openTransit } from './master-key-transit.ts'
import { openMasterKeys, requireMasterKey } from './master-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-master-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const place = ['tenant', 'tenant_key', 'wrapped', 'row']
const secret = Buffer.alloc(32, 5)

describe('a master key in a file', () => {
  test('is made on first use, private, and opens what it wrapped at its place only', async () => {
    const file = join(folder, 'made', 'master.key')
    const keys = openMasterKeys({ file })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file)).toHaveLength(32)
    const key = keys.configured()
    expect(key.id).toMatch(/^file:[0-9a-f]{16}$/)
    const wrapped = await key.wrap(secret, place)
    expect(await key.unwrap(wrapped, place)).toEqual(secret)
    await expect(key.unwrap(wrapped, ['other', ...place.slice(1)])).rejects.toThrow(/does not open/)
    expect(openMasterKeys({ file }).configured().id).toBe(key.id)
  })

  test('opens what was wrapped before master keys had ids', async () => {
    const file = join(folder, 'old.key')
    writeFileSync(file, Buffer.alloc(32, 9))
    expect(
      await openMasterKeys({ file })
        .configured()
        .unwrap(encrypt(Buffer.alloc(32, 9), secret, place), place),
    ).toEqual(secret)
  })

  test('of another length is refused by name', () => {
    const file = join(folder, 'short.key')
    writeFileSync(file, 'short')
    expect(() => openMasterKeys({ file })).toThrow(`${file} must hold exactly 32 bytes, it holds 5`)
  })

  test('the next one stands beside it, is found without a restart, and takes its place', async () => {
    const file = join(folder, 'rotating.key')
    const keys = openMasterKeys({ file })
    const old = keys.configured()
    const next = prepareNextFile(file)
    expect(prepareNextFile(file).id).toBe(next.id)
    expect(keys.find(next.id)?.id).toBe(next.id)
    promoteNextFile(file)
    promoteNextFile(file)
    keys.reload()
    expect(keys.configured().id).toBe(next.id)
    expect(() => requireMasterKey(keys, old.id)).toThrow(`wrapped under the master key ${old.id}`)
    prepareNextFile(file)
    discardNextFile(file)
    expect(openMasterKeys({ file }).files()).toHaveLength(1)
  })
})

describe('a master key in Vault', () => {
  let stub: VaultStub
  beforeAll(async () => {
    stub = await startVaultStub()
  })
  afterAll(() => stub.close())
  const open = (changes: object = {}) =>
    openTransit({ address: stub.address, mount: 'transit', keyName: 'gatehouse', token: 'hvs.good', ...changes })

  test('wraps and unwraps bound to the place; an older version still opens', async () => {
    const key = open()
    await key.check()
    expect(key.id).toBe('vault:transit/gatehouse')
    const wrapped = await key.wrap(secret, place)
    expect(wrapped.toString()).toMatch(/^vault:v1:/)
    expect(wrapped.toString()).not.toContain(secret.toString('base64'))
    await expect(key.unwrap(wrapped, ['other', ...place.slice(1)])).rejects.toThrow(/message authentication failed/)
    stub.rotate()
    expect(await key.unwrap(wrapped, place)).toEqual(secret)
    const isNewest = await key.newestVersion()
    expect([isNewest(wrapped), isNewest(await key.wrap(secret, place))]).toEqual([false, true])
  })

  test('the token is read from its file each time', async () => {
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'hvs.stale\n')
    const key = open({ token: undefined, tokenFile })
    await expect(key.wrap(secret, place)).rejects.toThrow(/refuses the token .*VAULT_TOKEN/)
    writeFileSync(tokenFile, 'hvs.good\n')
    expect(await key.unwrap(await key.wrap(secret, place), place)).toEqual(secret)
    rmSync(tokenFile)
    await expect(key.wrap(secret, place)).rejects.toThrow(/VAULT_TOKEN_FILE cannot be read \(ENOENT\)/)
  })

  test('a namespace is named', async () => {
    stub.namespace = 'team/a'
    try {
      await expect(open().check()).rejects.toThrow(/VAULT_NAMESPACE/)
      await open({ namespace: 'team/a' }).check()
    } finally {
      stub.namespace = undefined
    }
  })

  test('what passes is tried again; what does not is said clearly', async () => {
    stub.fail(503, 'drop')
    expect(await open().wrap(secret, place)).toBeInstanceOf(Buffer)
    stub.fail(503, 503, 503)
    await expect(open().wrap(secret, place)).rejects.toThrow(/GATEHOUSE_MASTER_KEY: Vault at .* is sealed or not ready/)
    const before = stub.requests
    await expect(open({ token: 'hvs.wrong' }).check()).rejects.toMatchObject({ name: 'MasterKeyError' })
    expect(stub.requests).toBe(before + 1)
    await expect(open({ keyName: 'other' }).check()).rejects.toThrow(/no transit engine or key at .*transit\/other/)
    await expect(open({ address: 'http://127.0.0.1:1' }).check()).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/)
  })

  test('a Vault that passes over associated data is refused', async () => {
    stub.ignoreAssociatedData = true
    try {
      await expect(open().check()).rejects.toThrow(/ignores associated_data/)
    } finally {
      stub.ignoreAssociatedData = false
    }
  })
})
