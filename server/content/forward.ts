import 'server-only'
import type { z } from 'zod'
import { evaluate } from '#protocol/policy/evaluate.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { addToAudience } from './audience.ts'
import {
  type DeviceRequest,
  entryFields,
  orThrow,
  policyContext,
  type Refusal,
  readDeviceRequest,
  refuse,
  requireDevice,
} from './device-request.ts'
import { noFile } from './rows.ts'
import { forwardInput } from './schema.ts'

export type Forwarded = { fileId: string; to: { id: string; name: string }; added: boolean }

type Forward = z.output<typeof forwardInput>

const forward = defineCommand({
  action: 'file.forward',
  permission: 'device',
  risk: 'reversible',
  input: forwardInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async (context): Promise<CommandOutcome<Forwarded | Refusal>> => {
    const { sql, tenantId, input } = context
    const actor = requireDevice(context.actor)
    const request = await readDeviceRequest(context)
    const { file, policy } = request
    if (!file) throw noFile()
    const recipient = await findRecipient(context)
    const { refusal, rule } = decide(request, input, recipient !== null)
    const entry = {
      action: 'file.forward' as const,
      ...entryFields(actor, file),
      policy: { id: policy.policyId, version: policy.version, rule },
    }
    if (refusal || !recipient) {
      const result = refusal ?? outside()
      return {
        result,
        audit: {
          ...entry,
          outcome: 'denied',
          enforcement: 'prevented',
          detail: { to: input.to, problem: result.refused.problem },
        },
      }
    }
    // Everyone has it already; so may whoever it is sent to twice.
    const added = (await addToAudience(sql, tenantId, file.id, [recipient])) > 0
    return { result: { fileId: file.id, to: recipient, added }, audit: { ...entry, detail: { to: input.to } } }
  },
})

async function findRecipient({
  tx,
  tenantId,
  input,
}: CommandContext<Forward>): Promise<{ id: string; name: string } | null> {
  return tx.person.findFirst({
    where: { tenantId, email: input.to, status: { not: 'suspended' } },
    select: { id: true, name: true },
  })
}

function decide(
  request: DeviceRequest,
  input: Forward,
  isOfOrganisation: boolean,
): { refusal: Refusal | null; rule: string } {
  const decision = evaluate(request.policy.document, {
    ...policyContext(request),
    action: 'file.forward',
    recipient: input.to,
  })
  const { rule } = decision
  if (request.refusal) return { refusal: request.refusal, rule }
  if (decision.outcome === 'denied')
    return {
      refusal: refuse(
        'policy_forbids',
        'The organisation’s policy does not let this be forwarded there.',
        decision.denial ?? 'blocked',
      ),
      rule,
    }
  return { refusal: isOfOrganisation ? null : outside(), rule }
}

/** What the policy allows to go out leaves by the device's own apps; this door reaches the organisation's people only. */
function outside(): Refusal {
  return refuse('policy_forbids', 'Nobody of the organisation has this address.', 'external_recipient')
}

/**
 * Lets somebody else of the organisation have a file that the device's person has, where the policy allows it. A refusal is an
 * entry (`denied`), too. @throws AppError not_found · device_pending · device_revoked · app_version_too_old · policy_forbids
 */
export async function forwardFile(actor: Actor, input: z.input<typeof forwardInput>): Promise<Forwarded> {
  return orThrow(await forward(actor, input))
}
