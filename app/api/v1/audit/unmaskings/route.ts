import { hideNames, unmaskNames } from '#server/audit/commands.ts'
import { apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({ command: unmaskNames, status: 201 })

/** Hides names again before the half hour is over. */
export const DELETE = apiRoute({ handler: ({ actor }) => hideNames(actor, {}) })
