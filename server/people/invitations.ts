import { uuidv7 } from '#lib/uuid.ts'
import { makeBearer, parseBearer } from '#server/kernel/bearer.ts'
import type { CommandContext } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { matchesHash, sha256 } from '#server/kernel/keys.ts'
import { INVITATION_DAYS } from './schema.ts'

const DAY_MS = 86_400_000

/** A link shown once. `url` holds the token; `mailed` says whether the background process sends it as well. */
export type IssuedLink = { url: string; expiresAt: Date; mailed: boolean }

type Invitee = { id: string; email: string; name: string }

/** Makes the one open invitation of a person; earlier ones end. Only the token's hash is kept. */
export async function issueInvitation(
  context: CommandContext<unknown>,
  person: Invitee,
): Promise<{ link: IssuedLink; jobs: Job[] }> {
  const { tx, tenantId, now } = context
  await tx.personLink.deleteMany({ where: { tenantId, personId: person.id, purpose: 'invitation', usedAt: null } })
  const id = uuidv7(now.getTime())
  const { token, secret } = makeBearer('gi', tenantId, id)
  const expiresAt = new Date(now.getTime() + INVITATION_DAYS * DAY_MS)
  await tx.personLink.create({
    data: {
      tenantId,
      id,
      personId: person.id,
      purpose: 'invitation',
      tokenHash: new Uint8Array(sha256(secret)),
      expiresAt,
      createdAt: now,
    },
    select: { id: true },
  })
  const { url: origin, smtpUrl } = readEnv()
  const url = `${origin}/invite/${token}`
  const jobs = smtpUrl ? [await mailJob(context, person, url)] : []
  return { link: { url, expiresAt, mailed: jobs.length > 0 }, jobs }
}

/** The link is a secret: it waits sealed, and is opened where it is sent. */
async function mailJob({ tx, tenantId, vault }: CommandContext<unknown>, person: Invitee, url: string): Promise<Job> {
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { name: true } })
  const mail = { template: 'invitation', to: person.email, name: person.name, organisation: tenant?.name ?? '', url }
  const sealed = (await vault()).seal(Buffer.from(JSON.stringify(mail)), 'job', 'mail', person.id)
  return {
    task: 'mail.send',
    payload: { tenantId, personId: person.id, sealed: sealed.toString('base64') },
    key: `mail:${tenantId}:${person.id}`,
  }
}

export type OpenInvitation = {
  linkId: string
  personId: string
  name: string
  email: string
  organisation: string
  expiresAt: Date
}

/** The invitation that `token` opens. @throws AppError gone when it was used, replaced or is too old */
export async function findInvitation(tx: Tx, token: string, now: Date): Promise<OpenInvitation> {
  const bearer = parseBearer('gi', token)
  const row =
    bearer &&
    (await tx.personLink.findFirst({
      where: { tenantId: bearer.tenantId, id: bearer.id, purpose: 'invitation' },
      select: {
        id: true,
        tokenHash: true,
        usedAt: true,
        expiresAt: true,
        person: { select: { id: true, name: true, email: true, status: true } },
      },
    }))
  const open = row && !row.usedAt && row.expiresAt > now && row.person.status === 'invited'
  if (!bearer || !open || !matchesHash(bearer.secret, row.tokenHash)) throw invitationGone()
  const tenant = await tx.tenant.findFirst({ where: { id: bearer.tenantId, status: 'active' }, select: { name: true } })
  if (!tenant) throw invitationGone()
  return {
    linkId: row.id,
    personId: row.person.id,
    name: row.person.name,
    email: row.person.email,
    organisation: tenant.name,
    expiresAt: row.expiresAt,
  }
}

/** Uses the link up; of two requests with one link, one does. @throws AppError gone */
export async function consumeInvitation(
  tx: Tx,
  tenantId: string,
  invitation: OpenInvitation,
  now: Date,
): Promise<void> {
  const { count } = await tx.personLink.updateMany({
    where: { tenantId, id: invitation.linkId, usedAt: null },
    data: { usedAt: now },
  })
  if (count !== 1) throw invitationGone()
}

export function invitationGone(): AppError {
  return new AppError('gone', { detail: 'This invitation was used, replaced or is too old. Ask for a new one.' })
}
