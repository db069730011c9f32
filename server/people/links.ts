import { uuidv7 } from '#lib/uuid.ts'
import { makeBearer, parseBearer } from '#server/kernel/bearer.ts'
import type { CommandContext } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { matchesHash, sha256 } from '#server/kernel/keys.ts'
import { INVITATION_DAYS, type PersonStatus, RESET_HOURS } from './schema.ts'

const HOUR_MS = 3_600_000

export type LinkPurpose = 'invitation' | 'reset'

/** Where a link leads, how long it works, and the state its person must be in for it to open anything. */
const PURPOSES: Record<LinkPurpose, { path: string; lifetimeMs: number; status: PersonStatus }> = {
  invitation: { path: 'invite', lifetimeMs: INVITATION_DAYS * 24 * HOUR_MS, status: 'invited' },
  reset: { path: 'reset', lifetimeMs: RESET_HOURS * HOUR_MS, status: 'active' },
}

/** A link shown once. `url` holds the token; `mailed` says whether the background process sends it as well. */
export type IssuedLink = { url: string; expiresAt: Date; mailed: boolean }

type Addressee = { id: string; email: string; name: string }
type Context = Pick<CommandContext<unknown>, 'tx' | 'tenantId' | 'now' | 'vault'>

/** Makes the one open link of a person for a purpose; earlier ones end. Only the token's hash is kept. */
export async function issueLink(
  context: Context,
  person: Addressee,
  purpose: LinkPurpose,
): Promise<{ link: IssuedLink; jobs: Job[] }> {
  const { tx, tenantId, now } = context
  const { path, lifetimeMs } = PURPOSES[purpose]
  await tx.personLink.updateMany({
    where: { tenantId, personId: person.id, purpose, usedAt: null, expiresAt: { gt: now } },
    data: { expiresAt: now },
  })
  const id = uuidv7(now.getTime())
  const { token, secret } = makeBearer('gi', tenantId, id)
  const expiresAt = new Date(now.getTime() + lifetimeMs)
  await tx.personLink.create({
    data: {
      tenantId,
      id,
      personId: person.id,
      purpose,
      tokenHash: new Uint8Array(sha256(secret)),
      expiresAt,
      createdAt: now,
    },
    select: { id: true },
  })
  const { url: origin, smtpUrl } = readEnv()
  const url = `${origin}/${path}/${token}`
  const jobs = smtpUrl ? [await mailJob(context, person, purpose, url)] : []
  return { link: { url, expiresAt, mailed: jobs.length > 0 }, jobs }
}

/** The link is a secret: it waits sealed, and is opened where it is sent. */
async function mailJob(
  { tx, tenantId, vault }: Context,
  person: Addressee,
  template: LinkPurpose,
  url: string,
): Promise<Job> {
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { name: true } })
  const mail = { template, to: person.email, name: person.name, organisation: tenant?.name ?? '', url }
  const sealed = (await vault()).seal(Buffer.from(JSON.stringify(mail)), 'job', 'mail', person.id)
  return {
    task: 'mail.send',
    payload: { tenantId, personId: person.id, sealed: sealed.toString('base64') },
    key: `mail:${tenantId}:${person.id}`,
  }
}

/** A link that opens something now, and for whom. */
export type OpenLink = {
  linkId: string
  purpose: LinkPurpose
  personId: string
  name: string
  email: string
  organisation: string
  expiresAt: Date
}

/** What `token` opens for a purpose. @throws AppError gone when it was used, replaced or is too old */
export async function findLink(tx: Tx, token: string, purpose: LinkPurpose, now: Date): Promise<OpenLink> {
  const bearer = parseBearer('gi', token)
  if (!bearer) throw linkGone()
  const { tenantId, id, secret } = bearer
  const row = await tx.personLink.findFirst({
    where: {
      tenantId,
      id,
      purpose,
      usedAt: null,
      expiresAt: { gt: now },
      person: { status: PURPOSES[purpose].status },
    },
    select: { id: true, tokenHash: true, expiresAt: true, person: { select: { id: true, name: true, email: true } } },
  })
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId, status: 'active' }, select: { name: true } })
  if (!row || !tenant || !matchesHash(secret, row.tokenHash)) throw linkGone()
  const { id: personId, name, email } = row.person
  return { linkId: row.id, purpose, personId, name, email, organisation: tenant.name, expiresAt: row.expiresAt }
}

/** Uses the link up; of two requests with one link, one does. @throws AppError gone */
export async function consumeLink(
  { tx, tenantId, now }: Context,
  token: string,
  purpose: LinkPurpose,
): Promise<OpenLink> {
  const link = await findLink(tx, token, purpose, now)
  const { count } = await tx.personLink.updateMany({
    // Asked again: a suspension or a newer link may have ended it since it was read.
    where: { tenantId, id: link.linkId, usedAt: null, expiresAt: { gt: now } },
    data: { usedAt: now },
  })
  if (count !== 1) throw linkGone()
  return link
}

export function linkGone(): AppError {
  return new AppError('gone', { detail: 'This link was used, replaced or is too old. Ask for a new one.' })
}
