import { revokeEnrollmentCode } from '#server/devices/commands.ts'
import { apiRoute } from '#server/http/route.ts'

export const DELETE = apiRoute({ command: revokeEnrollmentCode })
