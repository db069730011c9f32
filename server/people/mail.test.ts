import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { invitePerson } from './commands.ts'
import { peopleJobs } from './jobs.ts'

const db = useDatabase()

/** A mail server that takes one message and says what it got. */
async function mailServer(): Promise<{ url: string; received: Promise<string>; close: () => void }> {
  let text = ''
  let took: (text: string) => void = () => {}
  const received = new Promise<string>((resolve) => (took = resolve))
  const server = createServer((socket) => {
    let isData = false
    socket.write('220 test\r\n')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (isData) {
        text += chunk
        if (!text.endsWith('\r\n.\r\n')) return
        isData = false
        socket.write('250 taken\r\n')
        took(text)
        return
      }
      const command = String(chunk).trim().toUpperCase()
      isData = command === 'DATA'
      socket.write(isData ? '354 go on\r\n' : command === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `smtp://127.0.0.1:${port}?from=console@example.org`, received, close: () => server.close() }
}

test('an invitation’s mail carries the link, in both languages, from the address that SMTP_URL names', async () => {
  const server = await mailServer()
  process.env.SMTP_URL = server.url
  try {
    const admin = await makePerson(await makeTenant('Mail & Co'), { role: 'admin' })
    const { invitation } = await invitePerson(admin, { email: 'new@example.org', name: 'New Person' })
    const { rows } = await db.superuser.query<{ payload: unknown }>(`SELECT payload FROM graphile_worker._private_jobs`)
    await peopleJobs['mail.send'](rows[0]?.payload)
    const mail = await server.received
    const end = mail.indexOf('\r\n\r\n')
    const [head, body] = [mail.slice(0, end), mail.slice(end)]
    expect(head).toMatch(/^From: console@example\.org$/m)
    expect(head).toMatch(/^To: .*new@example\.org/m)
    const text = /base64/i.test(head)
      ? Buffer.from(body, 'base64').toString()
      : body.replace(/=\r\n/g, '').replaceAll('=3D', '=')
    expect(text).toContain(invitation.url)
    expect(text).toContain('you are invited to Mail & Co')
  } finally {
    delete process.env.SMTP_URL
    server.close()
  }
})

test('without SMTP_URL the job fails and waits; a payload of another form is refused', async () => {
  await expect(peopleJobs['mail.send']({})).rejects.toThrow(/SMTP_URL is not set/)
  process.env.SMTP_URL = 'smtp://127.0.0.1:1'
  try {
    await expect(peopleJobs['mail.send']({ tenantId: 'x' })).rejects.toThrow()
  } finally {
    delete process.env.SMTP_URL
  }
})
