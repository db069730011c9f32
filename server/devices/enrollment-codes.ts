import 'server-only'
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { actorName, type PersonActor } from '#server/kernel/actor.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { sha256 } from '#server/kernel/keys.ts'
import { RECENT_FACTOR_MS, requireRecentFactor } from '#server/kernel/step-up.ts'
import { type EnrollmentCodeView, enrollmentCodeInput } from './schema.ts'

// Crockford's base 32: no I, L, O, U, so that a code read aloud or off a screen is typed right.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE = /^[0-9A-HJKMNP-TV-Z]{12}$/

/** Twelve characters, 60 bits, as `XXXX-XXXX-XXXX`. */
function makeCode(): string {
  const characters = [...randomBytes(12)].map((byte) => ALPHABET.charAt(byte & 31)).join('')
  return `${characters.slice(0, 4)}-${characters.slice(4, 8)}-${characters.slice(8)}`
}

/** What the directory holds of a code as a person typed it, or null where it cannot be one. */
export function hashCode(typed: string): Uint8Array<ArrayBuffer> | null {
  const bare = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1')
  return CODE.test(bare) ? new Uint8Array(sha256(`enrollment-code\0${bare}`)) : null
}

/**
 * Makes a code that enrols one device for one person, shown this once; only its hash is kept.
 * @throws AppError not_found · conflict (the person is suspended)
 */
export const createEnrollmentCode = defineCommand({
  action: 'device.enrollment_code.create',
  permission: 'devices:write',
  risk: 'reversible',
  // Whoever holds a code gets what its person may see: a session alone, perhaps a stolen one, does not make one.
  stepUp: 'recent',
  input: enrollmentCodeInput,
  execute: async (context) => makeCodeFor(context, await findPerson(context.tx, context.tenantId, context.input)),
})

const OWN_CODE_SECONDS = 300

/**
 * Makes a code for a device of the signed-in person themself, used at once by the browser that asked. The policy on browsers
 * and on the number of devices decides at enrolment, as for every device.
 * @throws AppError conflict (suspended) · step_up_required unless the session proved itself a moment ago
 */
export const createOwnEnrollmentCode = defineCommand({
  action: 'device.enrollment_code.create',
  name: 'device.enrollment_code.create.own',
  permission: 'self',
  risk: 'reversible',
  input: z.strictObject({}),
  execute: async (context) => {
    const { tx, tenantId, actor } = context
    if (actor.kind !== 'person') throw new AppError('forbidden')
    const person = await findPerson(tx, tenantId, { personId: actor.personId })
    await requireRecentProof(context, actor)
    return makeCodeFor({ ...context, input: { expiresInSeconds: OWN_CODE_SECONDS } }, person)
  },
})

/**
 * A copied cookie makes no device of the browser it was carried to: the second factor was given on this session within the last
 * quarter of an hour, or the password by whoever has no factor. One that was enrolled later in the session proves the cookie alone.
 */
async function requireRecentProof(
  { tx, tenantId, now }: Pick<CommandContext<unknown>, 'tx' | 'tenantId' | 'now'>,
  actor: PersonActor,
): Promise<void> {
  const { personId, sessionId: id } = actor
  const session = await tx.session.findFirst({ where: { tenantId, id, personId }, select: { createdAt: true } })
  const until = new Date((session?.createdAt.getTime() ?? 0) + RECENT_FACTOR_MS)
  const factor = { tenantId, personId, confirmedAt: { lte: until } }
  if (session && (await tx.totpCredential.count({ where: factor }))) return requireRecentFactor(actor, 'recent')
  if (session && now <= until) return
  throw new AppError('step_up_required', { detail: 'Sign in again.', extra: { stepUp: 'sign_in' } })
}

type Making = Pick<CommandContext<unknown>, 'tx' | 'tenantId' | 'actor' | 'now'> & {
  input: { expiresInSeconds: number }
}

async function makeCodeFor(
  { tx, tenantId, actor, input, now }: Making,
  person: { id: string; name: string },
): Promise<CommandOutcome<EnrollmentCodeView>> {
  const id = uuidv7(now.getTime())
  const code = makeCode()
  const codeHash = hashCode(code)
  if (!codeHash) throw new Error('a code of our own does not read as one')
  const expiresAt = new Date(now.getTime() + input.expiresInSeconds * 1_000)
  await tx.enrollmentCode.create({
    data: { tenantId, id, personId: person.id, codeHash, expiresAt, createdBy: actorName(actor), createdAt: now },
    select: { id: true },
  })
  await tx.enrollmentCodeDirectory.create({
    data: { codeHash, tenantId, codeId: id, expiresAt },
    select: { codeId: true },
  })
  return {
    result: { id, code, expiresAt: expiresAt.toISOString(), person: { id: person.id, name: person.name } },
    audit: {
      action: 'device.enrollment_code.create',
      target: { type: 'person', id: person.id, name: person.name },
      correlationId: id,
      detail: { expiresAt: expiresAt.toISOString() },
    },
  }
}

async function findPerson(
  tx: Tx,
  tenantId: string,
  { personId, personEmail }: { personId?: string | undefined; personEmail?: string | undefined },
) {
  const by = personId === undefined ? { email: personEmail ?? '' } : { id: personId }
  const person = await tx.person.findFirst({
    where: { tenantId, ...by },
    select: { id: true, name: true, status: true },
  })
  const field = personId === undefined ? 'personEmail' : 'personId'
  if (!person)
    throw new AppError('not_found', { detail: 'There is no such person.', fields: { [field]: 'names nobody here' } })
  if (person.status === 'suspended') throw new AppError('conflict', { detail: `${person.name} is suspended.` })
  return person
}

/** Takes an unused code back. @throws AppError not_found · conflict (used or revoked before) */
export const revokeEnrollmentCode = defineCommand({
  action: 'device.enrollment_code.revoke',
  permission: 'devices:write',
  risk: 'none',
  input: z.strictObject({ codeId: uuidField() }),
  execute: async ({ tx, tenantId, input, now }) => {
    const { codeId: id } = input
    const code = await tx.enrollmentCode.findFirst({
      where: { tenantId, id },
      select: { codeHash: true, person: { select: { id: true, name: true } } },
    })
    if (!code) throw new AppError('not_found', { detail: 'There is no such enrolment code.' })
    const { count } = await tx.enrollmentCode.updateMany({
      where: { tenantId, id, usedAt: null, revokedAt: null },
      data: { revokedAt: now },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'This code was used or revoked before.' })
    await tx.enrollmentCodeDirectory.deleteMany({ where: { codeHash: code.codeHash, tenantId } })
    return {
      result: null,
      audit: { action: 'device.enrollment_code.revoke', target: { type: 'person', ...code.person }, correlationId: id },
    }
  },
})
