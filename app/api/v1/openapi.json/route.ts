import { openApiDocument } from '#server/http/openapi.ts'
import { apiRoute } from '#server/http/route.ts'
import { readEnv } from '#server/kernel/env.ts'
import product from '../../../../package.json' with { type: 'json' }

export const GET = apiRoute({ handler: async () => openApiDocument({ url: readEnv().url, version: product.version }) })
