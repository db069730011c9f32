import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { now } from '#server/kernel/clock.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { lookUpLogins } from '#server/people/queries.ts'
import { countSignIn, forgiveSignIn } from './limits.ts'
import { verifyPassword } from './passwords.ts'
import { credentialsInput } from './schema.ts'
import { type Client, personActor } from './sessions.ts'

/** A refusal is not answered sooner than this: what the log does for a known account must not show in the time. */
const REFUSAL_MS = 400
const KNOWN_ADDRESS_MS = 90 * 86_400_000

/** Who the credentials belong to; `choose` when the same address and password open several organisations. */
export type Verified =
  | { kind: 'one'; tenantId: string; personId: string }
  | { kind: 'choose'; organisations: { id: string; name: string }[] }

type Candidate = {
  tenantId: string
  person: { id: string; name: string; email: string; role: string; founder: boolean } | null
  hash: string | null
  organisation: { id: string; name: string; isActive: boolean } | null
  isKnownAddress: boolean
}

/**
 * Checks an address and a password. Unknown and known accounts take the same way: an unknown one is looked for in an
 * organisation that does not exist. A refusal is recorded where the account is known.
 * @throws AppError bad_credentials · rate_limited · tenant_suspended (only with the right password)
 */
export async function verifyCredentials(raw: z.input<typeof credentialsInput>, client: Client): Promise<Verified> {
  const { email, password, tenantId } = parseInput(credentialsInput, raw)
  const answerAt = performance.now() + REFUSAL_MS
  const candidates = await candidatesOf(email, client)
  const attempt = {
    email,
    address: client.address,
    isKnownAddress: candidates.some(({ isKnownAddress }) => isKnownAddress),
  }
  await countSignIn(attempt)
  const matches: Candidate[] = []
  for (const candidate of candidates) if (await verifyPassword(candidate.hash, password)) matches.push(candidate)
  const wanted = matches.filter((candidate) => !tenantId || candidate.tenantId === tenantId)
  if (wanted.length === 0) {
    await Promise.all(candidates.map((candidate) => recordRefusal(candidate, client)))
    await sleep(Math.max(0, answerAt - performance.now()))
    throw new AppError('bad_credentials', { detail: 'The address or the password is not right.' })
  }
  await forgiveSignIn(attempt)
  return choose(wanted)
}

function choose(matches: readonly Candidate[]): Verified {
  const open = matches.flatMap(({ organisation, person }) =>
    organisation?.isActive && person ? [{ organisation, personId: person.id }] : [],
  )
  const [first] = open
  if (!first)
    throw new AppError('tenant_suspended', {
      detail: 'The organisation is suspended. Whoever runs this server can resume it.',
    })
  if (open.length === 1) return { kind: 'one', tenantId: first.organisation.id, personId: first.personId }
  return { kind: 'choose', organisations: open.map(({ organisation: { id, name } }) => ({ id, name })) }
}

async function candidatesOf(email: string, client: Client): Promise<Candidate[]> {
  const logins = await lookUpLogins(email)
  const known = logins.length > 0 ? logins : [{ tenantId: uuidv7(), personId: uuidv7() }]
  return Promise.all(known.map((login) => loadCandidate(login, client)))
}

function loadCandidate(
  { tenantId, personId }: { tenantId: string; personId: string },
  client: Client,
): Promise<Candidate> {
  return readTransaction(tenantId, async ({ tx }) => {
    const person = await tx.person.findFirst({
      where: { tenantId, id: personId, status: 'active' },
      select: { id: true, name: true, email: true, role: true, founder: true },
    })
    const credential = await tx.passwordCredential.findFirst({ where: { tenantId, personId }, select: { hash: true } })
    const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { name: true, status: true } })
    // Where the account has been used before, others' failures cannot slow its owner down. Index: session_person.
    const since = new Date(now().getTime() - KNOWN_ADDRESS_MS)
    const before = await tx.session.findFirst({
      where: { tenantId, personId, address: client.address, state: 'active', createdAt: { gt: since } },
      select: { id: true },
    })
    return {
      tenantId,
      person,
      hash: person && credential ? credential.hash : null,
      organisation: tenant && { id: tenantId, name: tenant.name, isActive: tenant.status === 'active' },
      isKnownAddress: before !== null,
    }
  })
}

/** The entry of a refused sign-in, in the organisation whose account was tried. */
const writeRefusal = defineCommand({
  action: 'auth.sign_in',
  name: 'auth.sign_in.refused',
  permission: 'pending',
  risk: 'none',
  input: z.object({}),
  execute: async () => ({
    result: null,
    audit: { action: 'auth.sign_in', outcome: 'denied', detail: { method: 'password', problem: 'bad_credentials' } },
  }),
})

async function recordRefusal({ tenantId, person }: Candidate, client: Client): Promise<void> {
  if (!person) return
  await writeRefusal(
    personActor(tenantId, person, { sessionId: uuidv7(), sessionState: 'second_factor', factorAt: null, ...client }),
    {},
  )
}
