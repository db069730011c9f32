import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { startVaultStub } from '#test/vault-stub.ts'
import { deriveKey, encrypt } from './cipher.ts'
import { readTransaction } from './db.ts'
import { derivedKey, openKeys, tenantVault, testingOnlyForgetKeys } from './keys.ts'
import { createRuntime, type RuntimeOptions, runtime, setRuntime } from './runtime.ts'

const database = useDatabase()
const masterFile = () => join(database.dataDir, 'keys', 'master.key')

async function restart(options: Partial<RuntimeOptions> = {}): Promise<void> {
  const { dataDir, logins } = runtime()
  testingOnlyForgetKeys()
  await setRuntime(createRuntime({ dataDir, logins, ...options }))
  await openKeys()
}

/** As it was before master keys had ids: an older version's database. */
async function forgetMasterIds(): Promise<void> {
  await database.superuser.query('UPDATE instance SET master_id = NULL, root_secret = NULL, root_master_id = NULL')
  await database.superuser.query('ALTER TABLE tenant_key DISABLE TRIGGER command_wall')
  await database.superuser.query('UPDATE tenant_key SET master_id = NULL')
  await database.superuser.query('ALTER TABLE tenant_key ENABLE TRIGGER command_wall')
}

async function masterId(): Promise<string | null> {
  const { rows } = await database.superuser.query<{ master_id: string | null }>('SELECT master_id FROM instance')
  return rows[0]?.master_id ?? null
}

test('a new instance in Vault has a random root of its own, the same for every process', async () => {
  await forgetMasterIds()
  const stub = await startVaultStub()
  const transit = { address: stub.address, mount: 'transit', keyName: 'gatehouse', token: stub.token }
  // Beside no file at all.
  const options = { transit, masterKeyFile: join(database.dataDir, 'none.key') }
  try {
    const { dataDir, logins } = runtime()
    const others = [createRuntime({ dataDir, logins, ...options }), createRuntime({ dataDir, logins, ...options })]
    await restart(options)
    const key = derivedKey('login-directory')
    for (const other of others) {
      await setRuntime(other)
      await openKeys()
      expect(derivedKey('login-directory')).toEqual(key)
    }
    expect(await masterId()).toBe('vault:transit/gatehouse')
  } finally {
    await stub.close()
  }
  await forgetMasterIds()
  await restart()
})

test('with a file the root is the file’s bytes, as it always was', async () => {
  expect(derivedKey('login-directory')).toEqual(deriveKey(readFileSync(masterFile()), 'login-directory'))
})

test('an older version’s database opens, and names its master key from then on', async () => {
  const tenantId = await makeTenant()
  await forgetMasterIds()
  await restart()
  expect(await masterId()).toBe(runtime().masterKeys.configured().id)
  const { rows } = await database.superuser.query<{ id: string; wrapped: Buffer }>(
    'SELECT id, wrapped FROM tenant_key WHERE tenant_id = $1',
    [tenantId],
  )
  const { id, wrapped } = rows[0] ?? expect.fail()
  const key = await runtime().masterKeys.configured().unwrap(wrapped, [tenantId, 'tenant_key', 'wrapped', id])
  const opened = await readTransaction(tenantId, async ({ tx }) =>
    (await tenantVault(tx, tenantId)).open(
      encrypt(key, Buffer.from('old'), [tenantId, 'file', 'file_key', 'x']),
      'file',
      'file_key',
      'x',
    ),
  )
  expect(opened.toString()).toBe('old')
})

test('another file than the one that wrapped its keys is refused before anything is written down', async () => {
  await makeTenant()
  await forgetMasterIds()
  const bytes = readFileSync(masterFile())
  writeFileSync(masterFile(), Buffer.alloc(32, 1))
  await expect(restart()).rejects.toThrow(/GATEHOUSE_MASTER_KEY_FILE: .* is not the key that wrapped/)
  expect(await masterId()).toBeNull()
  writeFileSync(masterFile(), bytes)
  await restart()
})

test('nothing is derived before the keys are open', async () => {
  const { dataDir, logins } = runtime()
  await setRuntime(createRuntime({ dataDir, logins }))
  expect(() => derivedKey('login-directory')).toThrow(/still opening its keys/)
  // Whatever comes first opens them on its way.
  await readTransaction(null, async ({ sql }) => sql('SELECT 1 FROM instance'))
  expect(derivedKey('login-directory')).toHaveLength(32)
})
