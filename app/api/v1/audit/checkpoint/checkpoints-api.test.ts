import { expect, it } from 'vitest'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { verifyTlogProof } from '#protocol/audit/proof.ts'
import { signGrownLogs } from '#server/audit/jobs.ts'
import { getTrust, searchAudit } from '#server/audit/queries.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { createLog } from '#server/kernel/log.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { GET as CHECKPOINTS } from '../checkpoints/route.ts'
import { GET as PROOF } from '../events/[eventId]/proof/route.ts'
import { GET as CHECKPOINT } from './route.ts'

useDatabase()

async function makeScript(scopes: Permission[]) {
  const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const input = { name: 'script', scopes }
  const stepUpGrantId = await makeGrant(owner, createApiKey.requestHash(input))
  const { token } = await createApiKey(owner, input, { stepUpGrantId })
  const get = (route: typeof CHECKPOINT, query = '', params: Record<string, string> = {}) =>
    route(
      new Request(`http://localhost:3000/api/v1/audit/x${query}`, { headers: { authorization: `Bearer ${token}` } }),
      {
        params: Promise.resolve(params),
      },
    )
  return { owner, get }
}

it('200: the newest note, all of them as they were published, and the proof of an event as a file; 404 before the first, 400, 403', async () => {
  const { owner, get } = await makeScript(['audit:read'])
  expect((await get(CHECKPOINT)).status).toBe(404)
  expect((await get(CHECKPOINTS)).status).toBe(404)
  await signGrownLogs(createLog('test'))
  const note = await get(CHECKPOINT)
  expect(note.headers.get('content-disposition')).toMatch(/^attachment; filename="checkpoint-/)
  const { vkey } = await getTrust(owner, {})
  const text = await note.text()
  const { checkpoint } = await openCheckpoint(text, vkey ?? '')
  const all = await get(CHECKPOINTS)
  expect(all.headers.get('content-type')).toBe('application/x-ndjson')
  expect(JSON.parse(await all.text())).toMatchObject({ size: checkpoint.size, note: text })
  const { items } = await searchAudit(owner, { q: 'action:api_key.create' })
  const eventId = items[0]?.id ?? ''
  const proof = await get(PROOF, '', { eventId })
  expect(proof.headers.get('content-disposition')).toBe(`attachment; filename="${eventId}.tlog-proof"`)
  expect((await verifyTlogProof({ proof: await proof.text(), vkey: vkey ?? '' })).checkpoint.size).toBe(checkpoint.size)
  expect((await get(CHECKPOINTS, '?epoch=2')).status).toBe(404)
  expect((await get(CHECKPOINTS, '?epoch=0')).status).toBe(400)
  expect((await (await makeScript(['devices:read'])).get(CHECKPOINTS)).status).toBe(403)
})
