import { z } from 'zod'
import { textField } from '#server/kernel/fields.ts'

/** Why names are to be shown, and whose: of one person (an id, or a pseudonym) or of everybody. */
export const unmaskInput = z.strictObject({
  reason: textField({ min: 10, max: 500 }),
  personId: z.string().max(64).optional(),
})

/** Names are shown until then. */
export type Unmasked = { id: string; until: string }

/**
 * Whether names are shown in the log: never (no `audit:unmask`), always (the organisation asks for no reason), on request, or now,
 * `until` then and perhaps only of some.
 */
export type NamesShown =
  | { state: 'never' | 'always' | 'on_request' }
  | { state: 'shown'; of: 'everybody' | 'some'; until: string }
