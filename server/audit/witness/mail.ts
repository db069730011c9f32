import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { type OutgoingMail, sendMail } from '#server/people/jobs.ts'
import { type Checkpoint, listCheckpoints } from '../checkpoints.ts'
import { readSigner } from '../log-key.ts'
import { type Anchor, claim, settle, waitingAnchors } from './anchors.ts'

const CLAIM_MS = 5 * 60_000
/** Daily, and a little sooner: between two mails no day without one passes. */
const EVERY_MS = 23 * 3_600_000

/** Mails the newest checkpoint to whoever was last mailed a day ago. Without SMTP_URL nothing is sent. @returns how many were accepted */
export async function mailCheckpoints(): Promise<number> {
  if (!readEnv().smtpUrl) return 0
  let accepted = 0
  const failures: unknown[] = []
  for (const anchor of await waitingAnchors('mail'))
    try {
      if (await mailCheckpoint(anchor)) accepted++
    } catch (error) {
      // What is wrong with one organisation keeps nobody else from their mail.
      failures.push(error)
    }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} checkpoints could not be mailed`)
  return accepted
}

/** Whether the mail server took it. If we die before that is written down, the same mail goes once more. */
async function mailCheckpoint(anchor: Anchor): Promise<boolean> {
  const { tenantId } = anchor
  const facts = await pgTransaction('reader', tenantId, async (_client, sql) => {
    const [checkpoint] = await listCheckpoints(sql, tenantId, 1)
    const [tenant] = await sql<{ name: string }>('SELECT name FROM tenant WHERE id = $1::uuid', [tenantId])
    return { checkpoint, organisation: tenant?.name ?? tenantId }
  })
  const { checkpoint } = facts
  if (!checkpoint || !(await claim(anchor, CLAIM_MS))) return false
  const vkey = (await readSigner(tenantId, checkpoint.epoch))?.vkey ?? ''
  const problem = await failureOf(() => sendMail(mailOf({ ...facts, checkpoint, vkey, anchor })))
  const { epoch, size } = checkpoint
  const turn =
    problem === null
      ? { epoch, size, anchoredAt: now(), restMs: EVERY_MS }
      : { epoch, size: 0, problem: 'mail_refused' as const, detail: problem }
  await pgTransaction('writer', tenantId, (_client, sql) => settle(sql, anchor, turn))
  return problem === null
}

/** What the mail server, or the way to it, said; null when all went well. */
async function failureOf(attempt: () => Promise<void>): Promise<string | null> {
  try {
    await attempt()
    return null
  } catch (error) {
    // Whatever it is: it is shown, and tried again.
    return error instanceof Error ? error.message : String(error)
  }
}

/** A gateway without a certificate of the outside's authorities is known by its own. */
const AUTHORITY = {
  en: "ca.pem is the certificate of the server's own authority: whoever runs the server gives it to you from the data directory.",
  zh: 'ca.pem 是服务器自有证书颁发机构的证书，请向服务器的管理者索取（位于数据目录中）。',
}

type Facts = { checkpoint: Checkpoint; organisation: string; vkey: string; anchor: Anchor }

/** Plain words in both languages: nobody knows which one the reader speaks. The checkpoint stands in it and is attached, byte for byte. */
export function mailOf({
  checkpoint: { epoch, size, note, signedAt },
  organisation,
  vkey,
  anchor,
}: Facts): OutgoingMail {
  const { gatewayUrl, url, tls } = readEnv()
  const day = signedAt.toISOString().slice(0, 10)
  const name = `checkpoint-${day}-${size}.txt`
  const place = `${gatewayUrl}/log/${anchor.tenantId}${epoch === 1 ? '' : `/${epoch}`}`
  const command = `GATEHOUSE_API_KEY=gh_… npx gatehouse verify ${place} --key '${vkey}'${tls ? '' : ' --ca ca.pem'} --against ${name}`
  const text = [
    `Keep this mail. It states what the audit log of ${organisation} was at ${signedAt.toISOString()}:`,
    `${size} events, signed with the log's key. Whoever changes, removes or inserts anything among them later, on the server`,
    'and with its keys, can no longer make the log agree with this mail.',
    '',
    'To check the log against it, save the attached file and run on any computer:',
    '',
    `  ${command}`,
    '',
    ...(tls ? [] : [AUTHORITY.en, '']),
    `The key is also on ${url}/trust and in every earlier mail: it stays the same unless a new epoch was declared.`,
    '',
    `请保留此邮件。它记录了 ${organisation} 的审计日志在 ${signedAt.toISOString()} 的状态：共 ${size} 个事件，由日志密钥签名。`,
    '此后无论谁在服务器上改动、删除或插入其中任何内容，即使持有密钥，日志也无法再与此邮件相符。',
    `核对方法：保存附件，在任意计算机上运行上面的命令。验证公钥也可在 ${url}/trust 及以往的邮件中找到；除非声明了新纪元，否则不会改变。`,
    ...(tls ? [] : [AUTHORITY.zh]),
    '',
    note,
  ].join('\n')
  return {
    to: { name: '', address: anchor.place },
    subject: `${organisation}: audit log checkpoint ${day} · 审计日志检查点`,
    text,
    files: [{ name, text: note }],
  }
}
