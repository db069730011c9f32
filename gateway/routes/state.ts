import { factsRequestSchema, rotateKeysRequestSchema } from '#protocol/device/messages.ts'
import { reportFacts, rotateKeys, unlockShare } from '#server/devices/commands.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { getPolicyBundle } from '#server/policies/queries.ts'
import { connectionOf, deviceRoute, type Gateway, POLICY_VERSION_HEADER } from '../gateway.ts'

/** What a device tells of itself and is given: facts, policy, its share, new keys. */
export function stateRoutes(gateway: Gateway): void {
  deviceRoute(gateway, { method: 'POST', url: '/facts', access: 'enrolled' }, async ({ device, request }) => {
    const body = parseInput(factsRequestSchema, request.body)
    gateway.presence.seen(device.actor, connectionOf(gateway, request.raw), { group: body.tls?.group })
    return reportFacts(device.actor, body)
  })

  deviceRoute(gateway, { method: 'GET', url: '/policy', access: 'enrolled' }, async ({ device, request, reply }) => {
    const { jws, version } = await getPolicyBundle(device.actor, {})
    gateway.presence.seen(device.actor, connectionOf(gateway, request.raw), { policyVersion: version })
    return reply.header(POLICY_VERSION_HEADER, String(version)).type('application/jose').send(jws)
  })

  deviceRoute(gateway, { method: 'POST', url: '/unlock', access: 'approved' }, async ({ device }) =>
    unlockShare(device.actor, {}),
  )

  deviceRoute(gateway, { method: 'POST', url: '/keys', access: 'enrolled' }, async ({ device, request }) =>
    rotateKeys(device.actor, parseInput(rotateKeysRequestSchema, request.body)),
  )
}
