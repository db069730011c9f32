import { createEnrollmentCode } from '#server/devices/commands.ts'
import { listEnrollmentCodes } from '#server/devices/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({
  command: createEnrollmentCode,
  status: 201,
  view: ({ id, code, expiresAt }) => ({ id, code, expiresAt }),
})

/** Codes that could still enrol a device, without the codes themselves. */
export const GET = apiRoute({ query: listEnrollmentCodes, view: (items) => ({ items, nextCursor: null }) })
