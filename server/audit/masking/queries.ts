import 'server-only'
import { z } from 'zod'
import { formatTime } from '#lib/time.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { defineQuery } from '#server/kernel/query.ts'
import type { NamesShown } from './schema.ts'
import { readUnmaskings } from './unmaskings.ts'

/** Whether this actor sees names in the log now, until when, and whether they may ask to. */
export const getNamesShown = defineQuery({
  name: 'audit.names_shown',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: async ({ sql, actor }): Promise<NamesShown> => {
    if (!isPermitted(actor, 'audit:unmask')) return { state: 'never' }
    const { isAsked, unmaskings } = await readUnmaskings(sql, actor)
    if (!isAsked) return { state: 'always' }
    const [last] = unmaskings
    if (!last) return { state: 'on_request' }
    const everybody = unmaskings.find(({ personId }) => personId === null)
    return { state: 'shown', of: everybody ? 'everybody' : 'some', until: formatTime((everybody ?? last).until) }
  },
})
