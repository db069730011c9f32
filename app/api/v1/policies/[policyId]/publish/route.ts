import { apiRoute } from '#server/http/route.ts'
import { publishTighterPolicy } from '#server/policies/commands.ts'

/** A key may tighten; what loosens anything is answered with `person_required`. */
export const POST = apiRoute({ command: publishTighterPolicy })
