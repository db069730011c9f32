import { createServer, type Server } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { signHead } from '../checkpoints.ts'
import { addRecipient } from '../commands.ts'
import { auditJobs } from '../jobs.ts'
import { getTrust } from '../queries.ts'

const db = useDatabase()
const HOUR = 3_600_000
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  delete process.env.SMTP_URL
  testingOnlyResetClock()
})

/** A mail server that keeps what it takes; with `refuses` it takes nothing. */
async function mailServer({ refuses = false } = {}): Promise<string[]> {
  const taken: string[] = []
  const server = createServer((socket) => {
    let data: string | null = null
    socket.write('220 test\r\n')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (data !== null) {
        data += chunk
        if (!data.endsWith('\r\n.\r\n')) return
        taken.push(data)
        data = null
        socket.write('250 taken\r\n')
        return
      }
      const command = String(chunk).trim().toUpperCase()
      if (command === 'DATA') data = ''
      const refusal = refuses && command.startsWith('RCPT') ? '550 no such person\r\n' : null
      socket.write(refusal ?? (data === '' ? '354 go on\r\n' : command === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n'))
    })
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  process.env.SMTP_URL = `smtp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}?from=log@example.org`
  return taken
}

async function makeMailed() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await signHead(tenantId)
  const input = { email: 'Auditor@Example.org' }
  await addRecipient(owner, input, { stepUpGrantId: await makeGrant(owner, addRecipient.requestHash(input)) })
  return { tenantId, owner, trust: () => getTrust(owner, {}) }
}

/** The parts of a mail as they were before they were encoded. */
function partsOf(mail: string): string[] {
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(mail) ?? []
  return mail.split(`--${boundary}`).map((part) => {
    const at = part.indexOf('\r\n\r\n')
    const body = part.slice(at + 4)
    if (/base64/i.test(part.slice(0, at))) return Buffer.from(body, 'base64').toString()
    const bytes = body
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    return Buffer.from(bytes, 'latin1').toString().replaceAll('\r\n', '\n')
  })
}

it('daily to whoever was added: the signed note, attached byte for byte, and what to do with it; accepted it is held outside', async () => {
  const taken = await mailServer()
  const { tenantId, trust } = await makeMailed()
  expect((await readLog(db, tenantId)).at(-1)).toMatchObject({
    entry: { action: 'tenant.update' },
    personal: { detail: { checkpointMail: { after: 'auditor@example.org' } } },
  })
  const { rows } = await db.superuser.query(`SELECT key FROM graphile_worker.jobs WHERE key LIKE 'audit.mail%'`)
  expect(rows).toHaveLength(1)
  await auditJobs['audit.mail']()
  expect(taken).toHaveLength(1)
  const now = await trust()
  expect(now).toMatchObject({ isIntact: true, hasMail: true, anchored: { kind: 'mail', name: 'auditor@example.org' } })
  const parts = partsOf(taken[0] ?? '')
  expect(taken[0]).toMatch(/^To: auditor@example\.org/m)
  const words = parts.find((part) => part.includes('Keep this mail')) ?? ''
  expect(words).toContain(
    `npx gatehouse verify https://localhost:8443/log/${tenantId} --key '${now.vkey}' --ca ca.pem --against`,
  )
  expect(words).toContain('ca.pem 是服务器自有证书颁发机构的证书')
  expect(words).toContain('请保留此邮件')
  expect(words).toContain(now.note?.split('\n')[2])
  expect(parts).toContain(now.note)
  await openCheckpoint(parts.find((part) => part === now.note) ?? '', now.vkey ?? '')

  testingOnlyAdvanceClock(22 * HOUR)
  await auditJobs['audit.mail']()
  expect(taken).toHaveLength(1)
  testingOnlyAdvanceClock(HOUR)
  await auditJobs['audit.mail']()
  expect(taken).toHaveLength(2)
  testingOnlyAdvanceClock(25 * HOUR)
  expect(await trust()).toMatchObject({ state: 'ok', isIntact: false })
})

it('refused by the mail server: said with its words, held by nobody, tried again', async () => {
  await mailServer({ refuses: true })
  const { trust } = await makeMailed()
  await auditJobs['audit.mail']()
  const problem = { problem: 'mail_refused', detail: expect.stringContaining('550 no such person'), anchoredAt: null }
  expect(await trust()).toMatchObject({ isIntact: false, anchors: [problem] })
  const taken = await mailServer()
  await auditJobs['audit.mail']()
  expect(taken).toHaveLength(0)
  testingOnlyAdvanceClock(11_000)
  await auditJobs['audit.mail']()
  expect(taken).toHaveLength(1)
  expect(await trust()).toMatchObject({ isIntact: true, anchors: [{ problem: null }] })
})

it('without SMTP_URL nothing is sent, and the page can say so', async () => {
  const { trust } = await makeMailed()
  await auditJobs['audit.mail']()
  expect(await trust()).toMatchObject({ hasMail: false, isIntact: false, anchors: [{ triedAt: null, problem: null }] })
})
