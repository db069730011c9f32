import { requestWipe } from '#server/devices/commands.ts'
import { apiRoute } from '#server/http/route.ts'

/** 202: asked for. A key's request waits for a person; the erase itself is told by `GET /wipes/{id}`. */
export const POST = apiRoute({ command: requestWipe, status: 202 })
