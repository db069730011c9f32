import { releaseHold } from '#server/audit/commands.ts'
import { apiRoute } from '#server/http/route.ts'

/** Asks for the release: what a key asks waits for a person. */
export const POST = apiRoute({ command: releaseHold, status: 202 })
