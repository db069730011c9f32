import { describe, expect, test } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { createApiKey, revokeApiKey } from './commands.ts'

useDatabase()

describe('the name of a key that states events', () => {
  test('is one app’s: another spelling of it is refused, the same name goes on as that app', async () => {
    const tenantId = await makeTenant()
    const make = (name: string, scopes: Permission[] = ['audit:write']) =>
      createApiKey(systemActor(tenantId, 'test'), { name, scopes })
    const { id } = await make('Board App')
    await revokeApiKey(systemActor(tenantId, 'test'), { id })
    for (const name of ['Board/App', 'board app', '(Board App)'])
      await expect(make(name)).rejects.toMatchObject({ code: 'invalid', fields: { name: /Board App/ } })
    await make('Board App')
    await make('Board/App', ['audit:read'])
    await make('Board App 2')
    const answers = await Promise.allSettled([make('Chat-App!'), make('Chat-App?')])
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})
