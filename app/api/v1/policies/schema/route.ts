import { policyJsonSchema } from '#protocol/policy/document.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ handler: async () => policyJsonSchema() })
