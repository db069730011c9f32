import { z } from 'zod'
import { pushRequestSchema } from '#protocol/device/person.ts'
import { listOwnRecords } from '#server/audit/queries.ts'
import { leaveService, subscribePush } from '#server/devices/commands.ts'
import { getDevicePerson } from '#server/devices/queries.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { deviceRoute, type Gateway } from '../gateway.ts'

const recordsQuery = z.object({ cursor: z.string('must be given once').max(500).optional() })

/** What the person who holds a device may know and decide on it: whose it is, what was recorded, waking it, removing it. */
export function personRoutes(gateway: Gateway): void {
  deviceRoute(gateway, { method: 'GET', url: '/person', access: 'enrolled' }, async ({ device }) =>
    getDevicePerson(device.actor, {}),
  )

  deviceRoute(gateway, { method: 'GET', url: '/records', access: 'approved' }, async ({ device, request }) =>
    listOwnRecords(device.actor, parseInput(recordsQuery, request.query)),
  )

  deviceRoute(gateway, { method: 'POST', url: '/push', access: 'enrolled' }, async ({ device, request, reply }) => {
    await subscribePush(device.actor, parseInput(pushRequestSchema, request.body))
    return reply.code(204).send()
  })

  deviceRoute(gateway, { method: 'POST', url: '/leave', access: 'enrolled' }, async ({ device }) =>
    leaveService(device.actor, {}),
  )
}
