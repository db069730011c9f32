import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrate, readMigrations } from './migrate.ts'
import { LOGIN_ROLES, roleName, SILENT_ROLES } from './roles.ts'

test('the schema of an older version first, as a restore needs it, and the rest later', async () => {
  const server = new pg.Client({ connectionString: inject('adminUrl') })
  await server.connect()
  const database = `gh_${process.pid}_${randomBytes(4).toString('hex')}`
  await server.query(`CREATE DATABASE ${database}`)
  try {
    const url = new URL(inject('adminUrl'))
    url.pathname = `/${database}`
    const names = readMigrations().map(({ name }) => name)
    const older = names.slice(0, -2)
    expect(await migrate({ adminUrl: url.href, only: new Set(older) })).toEqual({ applied: older })
    expect(await migrate({ adminUrl: url.href })).toEqual({ applied: names.slice(-2) })
    expect(await migrate({ adminUrl: url.href })).toEqual({ applied: [] })
  } finally {
    await server.query(`DROP DATABASE ${database} WITH (FORCE)`)
    for (const role of [...SILENT_ROLES, ...LOGIN_ROLES])
      await server.query(`DROP ROLE IF EXISTS ${roleName(database, role)}`)
    await server.end()
  }
})
