import { apiRoute } from '#server/http/route.ts'
import { discardDraft, saveDraft } from '#server/policies/commands.ts'
import { withDocument } from '../body.ts'

export const PUT = apiRoute({
  command: saveDraft,
  input: ({ params }, body) => ({ ...withDocument(body), policyId: params.policyId }),
})

export const DELETE = apiRoute({ command: discardDraft })
