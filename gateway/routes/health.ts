import type { FastifyInstance } from 'fastify'
import { isDatabaseReady } from '#server/kernel/db.ts'

/** `/healthz`: the process answers. `/readyz`: the database, migrated, answers too. */
export function healthRoutes(app: FastifyInstance): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    if (await isDatabaseReady()) return { status: 'ok' }
    return reply
      .code(503)
      .header('retry-after', '5')
      .send({ status: 'unavailable', detail: 'The database does not answer.' })
  })
}
