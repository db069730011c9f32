import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { parseBearer } from '#server/kernel/bearer.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { knownGatewayUrl } from '#server/kernel/gateway-address.ts'
import { sha256 } from '#server/kernel/keys.ts'
import { acceptInvitation, writePerson } from '#server/people/commands.ts'
import { readLink } from '#server/people/queries.ts'
import { writeTenant } from '#server/tenants/commands.ts'
import { countLink } from './limits.ts'
import { storePassword } from './password-store.ts'
import { hashPassword, requireGoodPassword } from './passwords.ts'
import { acceptInput, type Founding, foundingInput } from './schema.ts'
import type { Client } from './sessions.ts'

const found = defineCommand({
  action: 'tenant.create',
  permission: 'system',
  risk: 'none',
  input: foundingInput.extend({ password: z.string(), setupToken: z.string().nullable(), gatewayUrl: z.string() }),
  execute: async (context) => {
    const { tenantId, input } = context
    await completeSetup(context, input.setupToken)
    const origin = `${new URL(input.gatewayUrl).host}/log`
    await writeTenant(context, { name: input.organisation, origin }).catch(nameTheOrganisation)
    const personId = await writePerson(context, {
      email: input.email,
      name: input.name,
      role: 'owner',
      status: 'active',
      founder: true,
    })
    await storePassword(context, personId, input.password)
    return {
      result: { tenantId, personId, logOrigin: `${origin}/${tenantId}` },
      audit: [
        { action: 'tenant.create', target: { type: 'tenant', id: tenantId, name: input.organisation } },
        {
          action: 'person.create',
          target: { type: 'person', id: personId, name: input.name },
          detail: { role: 'owner', email: input.email },
        },
      ] as const,
    }
  },
})

/** The form calls the field by what it holds. */
function nameTheOrganisation(error: unknown): never {
  if (!isAppError(error) || !error.fields?.name) throw error
  throw new AppError(error.code, { detail: error.detail, fields: { organisation: error.fields.name }, cause: error })
}

/** The setup link ends with the first organisation, however that was founded. Of two requests with one link one founds. */
async function completeSetup({ tx, now }: CommandContext<unknown>, token: string | null): Promise<void> {
  const data = { setupCompletedAt: now, setupTokenHash: null }
  if (token === null) {
    await tx.instance.updateMany({ where: { setupCompletedAt: null }, data })
    return
  }
  const where = { setupCompletedAt: null, setupTokenHash: new Uint8Array(sha256(token)), setupExpiresAt: { gt: now } }
  const { count } = await tx.instance.updateMany({ where, data })
  if (count !== 1)
    throw new AppError('gone', {
      detail: 'This setup link was used, replaced or is too old. The server prints a new one when it starts.',
    })
}

/** `setup`: through the one-time link in the browser. `cli`: on the server itself, where no link is needed. */
export type FoundingDoor = { by: 'setup'; token: string; address: string } | { by: 'cli' }

/**
 * Founds an organisation with its founding owner and their password. Entries tenant.create, person.create.
 * @returns ids, and the name that its log has for ever: from the command line by what the running instance is reached at
 * @throws AppError invalid · conflict (the name is taken) · gone (the link) · rate_limited
 */
export async function foundOrganisation(
  raw: Founding,
  door: FoundingDoor,
): Promise<{ tenantId: string; personId: string; logOrigin: string }> {
  if (door.by === 'setup') await countLink(door.address)
  const input = parseInput(foundingInput, raw)
  requireGoodPassword(input.password, [input.email, input.organisation])
  const actor = systemActor(uuidv7(), door.by)
  const env = readEnv()
  return found(actor, {
    ...input,
    password: await hashPassword(input.password),
    setupToken: door.by === 'setup' ? door.token : null,
    gatewayUrl: door.by === 'setup' ? env.gatewayUrl : knownGatewayUrl(env),
  })
}

const accept = defineCommand({
  action: 'person.accept_invite',
  permission: 'system',
  risk: 'none',
  input: z.object({ token: z.string(), hash: z.string(), address: z.string() }),
  execute: async (context) => {
    const { input } = context
    const invitation = await acceptInvitation(context, input.token)
    await storePassword(context, invitation.personId, input.hash)
    const actor = { kind: 'person', id: invitation.personId, name: invitation.name } as const
    const target = { type: 'person', id: invitation.personId, name: invitation.name }
    return {
      result: { personId: invitation.personId },
      audit: { action: 'person.accept_invite', actor, target, address: input.address },
      notify: ['person'],
    }
  },
})

/** Sets the first password of an invited person, who is active from then on. @throws AppError invalid · gone · rate_limited */
export async function acceptInvitationWithPassword(
  raw: z.input<typeof acceptInput>,
  client: Client,
): Promise<{ tenantId: string; personId: string; email: string }> {
  await countLink(client.address)
  const { token, password } = parseInput(acceptInput, raw)
  const invitation = await readLink(token, 'invitation')
  requireGoodPassword(password, [invitation.email, invitation.organisation])
  const tenantId = parseBearer('gi', token)?.tenantId ?? ''
  const { personId } = await accept(systemActor(tenantId, 'invitation'), {
    token,
    hash: await hashPassword(password),
    address: client.address,
  })
  return { tenantId, personId, email: invitation.email }
}
