import 'server-only'
import nodemailer from 'nodemailer'
import { z } from 'zod'
import { readTransaction } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { tenantVault } from '#server/kernel/keys.ts'

const payload = z.object({ tenantId: uuidField(), personId: uuidField(), sealed: z.base64() })
const mail = z.object({
  template: z.enum(['invitation', 'reset']),
  to: z.string(),
  name: z.string(),
  organisation: z.string(),
  url: z.string(),
})
type Mail = z.output<typeof mail>

/** Work of people, by task name. */
export const peopleJobs = {
  /** Sends one mail. Tried again while the mail server does not take it; a mail may in rare cases arrive twice. */
  'mail.send': async (job: unknown): Promise<void> => {
    if (!readEnv().smtpUrl) throw new Error('SMTP_URL is not set: the mail waits')
    const message = await openMail(payload.parse(job))
    await sendMail({ to: { name: message.name, address: message.to }, ...textOf(message) })
  },
}

/** A plain mail; `files` are texts that go with it. */
export type OutgoingMail = {
  to: { name: string; address: string }
  subject: string
  text: string
  files?: readonly { name: string; text: string }[]
}

/** Hands a mail to the operator's server; returns when that has accepted it, and throws when it has not or SMTP_URL is not set. */
export async function sendMail({ to, subject, text, files = [] }: OutgoingMail): Promise<void> {
  const { smtpUrl } = readEnv()
  if (!smtpUrl) throw new Error('SMTP_URL is not set')
  const transport = nodemailer.createTransport(smtpUrl, { disableFileAccess: true, disableUrlAccess: true })
  try {
    const attachments = files.map((file) => ({ filename: file.name, content: file.text, contentType: 'text/plain' }))
    await transport.sendMail({ from: senderOf(smtpUrl), to, subject, text, attachments })
  } finally {
    transport.close()
  }
}

/** The link in it is a secret: it was sealed when the job was made. */
async function openMail({ tenantId, personId, sealed }: z.output<typeof payload>): Promise<Mail> {
  return readTransaction(tenantId, async ({ tx }) => {
    const vault = await tenantVault(tx, tenantId)
    return mail.parse(JSON.parse(vault.open(Buffer.from(sealed, 'base64'), 'job', 'mail', personId).toString()))
  })
}

/** `SMTP_URL?from=address` says who sends; otherwise the console's own name. */
function senderOf(smtpUrl: string): string {
  return new URL(smtpUrl).searchParams.get('from') ?? `Gatehouse <gatehouse@${new URL(readEnv().url).hostname}>`
}

const TEXTS: Record<
  Mail['template'],
  { subject: string; en: (organisation: string) => string; zh: (organisation: string) => string }
> = {
  invitation: {
    subject: 'Gatehouse invitation · 邀请',
    en: (organisation) =>
      `you are invited to ${organisation} on Gatehouse. Choose your password here (the link works once, for seven days):`,
    zh: (organisation) => `您已受邀加入 ${organisation} 的 Gatehouse。请在此设置密码（链接仅可使用一次，七天内有效）：`,
  },
  reset: {
    subject: 'Gatehouse password · 密码重置',
    en: (organisation) =>
      `an administrator of ${organisation} lets you choose a new password here (the link works once, for a day):`,
    zh: (organisation) => `${organisation} 的管理员为您提供了重置密码的链接（仅可使用一次，一天内有效）：`,
  },
}

/** Plain text in both languages: nobody knows yet which one the person reads. */
function textOf({ template, name, organisation, url }: Mail): { subject: string; text: string } {
  const { subject, en, zh } = TEXTS[template]
  return {
    subject: `${organisation}: ${subject}`,
    text: [`${name},`, '', en(organisation), zh(organisation), '', url, ''].join('\n'),
  }
}
