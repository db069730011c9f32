import { z } from 'zod'
import type { PolicyChange } from '#protocol/policy/diff.ts'
import { type PolicyDocument, policyDocumentSchema } from '#protocol/policy/document.ts'
import { pageFields, textField, uuidField } from '#server/kernel/fields.ts'

const version = z.int().min(1).max(2_147_483_647)

export const policyInput = z.object({ policyId: uuidField() })

/** `base`: the version the draft starts from; left out, the one in force. */
export const saveDraftInput = z.strictObject({
  policyId: uuidField(),
  document: policyDocumentSchema,
  base: version.optional(),
  /** When the draft that the author saw was saved (null: there was none); another draft by now is a conflict. */
  draftSeenAt: z.iso.datetime().nullable().optional(),
})

/** `digest`: of the draft that was reviewed; a second factor given for it publishes nothing else. */
export const publishInput = z.strictObject({
  policyId: uuidField(),
  note: textField({ min: 0, max: 200 }).default(''),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not a digest of a draft')
    .optional(),
})

export const rollbackInput = z.strictObject({
  policyId: uuidField(),
  version,
  note: textField({ min: 0, max: 200 }).default(''),
})

/** `document`: what to look ahead for; left out, the draft, and without one the policy in force. */
export const forecastInput = z.strictObject({ policyId: uuidField(), document: policyDocumentSchema.optional() })

export const versionsInput = z.object({ policyId: uuidField(), ...pageFields })
export const versionInput = z.object({ policyId: uuidField(), version: z.coerce.number().pipe(version) })

type Author = { id: string; name: string } | null

export type PolicyDraft = {
  document: PolicyDocument
  /** The version it was made from; behind the policy's own, it must be saved again before it can be published. */
  base: number
  stale: boolean
  digest: string
  savedBy: Author
  savedAt: Date
  changes: PolicyChange[]
  loosens: boolean
}

export type PolicyView = {
  id: string
  name: string
  scope: 'organisation'
  version: number
  document: PolicyDocument
  publishedAt: Date
  publishedBy: Author
  draft: PolicyDraft | null
}

export type PolicyVersionView = {
  version: number
  note: string
  restoredFrom: number | null
  publishedAt: Date
  /** null for version 1, which every organisation starts with. */
  publishedBy: Author
  /** Active devices that have fetched this version, of all active ones. */
  devices: { have: number; active: number }
}

export type PolicyVersionDetail = Omit<PolicyVersionView, 'devices'> & {
  policyId: string
  document: PolicyDocument
  changes: PolicyChange[]
}

export type LockoutReason = 'acting_owner' | 'owners'

export type AffectedPerson = { id: string; name: string; email: string }

/** What publishing would do to whom, counted now. Lists hold at most the first hundred; the counts are whole. */
export type PolicyForecast = {
  changes: PolicyChange[]
  loosens: boolean
  people: {
    active: number
    withoutFactor: { count: number; items: AffectedPerson[] }
    /** From when on they reach the enrolment page only; null: never. */
    factorDeadline: Date | null
    aboveDeviceCap: { count: number; items: (AffectedPerson & { devices: number })[] }
  }
  devices: {
    active: number
    /** Seen in the last ten minutes: they obey within seconds, the others when they return. */
    connected: number
    belowMinimum: { count: number; items: { id: string; name: string; platform: string; appVersion: string }[] }
    /** Enrolled browsers. Where no browser may be enrolled they stay; only new ones are refused. */
    browsers: { enrolled: number; newOnes: 'allow' | 'block' }
  }
  /** Why it would be refused, or empty. */
  lockout: LockoutReason[]
}
