import { z } from 'zod'
import type { PLATFORMS } from './platforms.ts'
import { VERSION_PATTERN } from './versions.ts'

/** Version of the document's own form; a reader refuses any other. */
export const POLICY_SCHEMA_VERSION = 1

const version = z.string().max(64).regex(VERSION_PATTERN, 'must be a version such as 1.4.0')

const domainName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/,
    'must be a domain in lower case, such as example.com',
  )

const data = z.strictObject({
  screenshot: z.strictObject({ mode: z.enum(['allow', 'log', 'block']) }),
  forward: z.strictObject({
    mode: z.enum(['allow', 'internal', 'block']),
    /** Mail domains that count as the organisation's own while mode is `internal`. */
    internalDomains: z.array(domainName).max(200).default([]),
  }),
  download: z.strictObject({ mode: z.enum(['allow', 'ask_reason', 'block']) }),
  print: z.strictObject({ mode: z.enum(['allow', 'block']) }),
  copy: z.strictObject({ mode: z.enum(['allow', 'block']) }),
})

const minAppVersion = z.strictObject({
  /** The agent on a platform that has no minimum of its own. */
  agent: version.optional(),
  ios: version.optional(),
  android: version.optional(),
  windows: version.optional(),
  macos: version.optional(),
  linux: version.optional(),
  browser: version.optional(),
} satisfies Record<'agent' | (typeof PLATFORMS)[number], unknown>)

const devices = z.strictObject({
  /** Devices a person may have enrolled at once; null: any number. */
  maxPerPerson: z.int().min(1).max(100).nullable(),
  minAppVersion,
  /** How long an unlocked device may stay unlocked without a connection; 0: online only. */
  offlineHours: z.int().min(0).max(720),
  /** `manual`: an enrolled device is pending until an admin approves it. */
  approval: z.enum(['auto', 'manual']),
})

const secondFactor = z
  .strictObject({
    mode: z.enum(['off', 'from', 'now']),
    /** When the requirement begins; set exactly while mode is `from`. */
    from: z.iso.datetime({ precision: 3 }).nullable().default(null),
    /** Days after the beginning in which a person without a factor is reminded but not yet held. */
    graceDays: z.int().min(0).max(90),
  })
  .superRefine((value, context) => {
    if (value.mode === 'from' && value.from === null) {
      context.addIssue({ code: 'custom', path: ['from'], message: 'is required while mode is from' })
    }
    if (value.mode !== 'from' && value.from !== null) {
      context.addIssue({ code: 'custom', path: ['from'], message: `must be null while mode is ${value.mode}` })
    }
  })

/**
 * The tenant policy document. Every section is required, so that leaving one out never loosens it silently; unknown
 * members are refused. Members that later versions add must carry a default that keeps the old behaviour.
 */
export const policyDocumentSchema = z.strictObject({
  schema: z.literal(POLICY_SCHEMA_VERSION),
  data,
  devices,
  signIn: z.strictObject({ secondFactor }),
})

export type PolicyDocument = z.infer<typeof policyDocumentSchema>

/** One fault in a document; `path` is dotted, such as `data.screenshot.mode`, and empty for the document itself. */
export type PolicyFault = { path: string; message: string }

export type PolicyParse = { ok: true; policy: PolicyDocument } | { ok: false; errors: PolicyFault[] }

function faultsOf(issue: z.core.$ZodIssue): PolicyFault[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a member of the policy' }))
  }
  return [{ path: path.join('.'), message: issue.message }]
}

/** Parses strictly; every fault names its field. */
export function parsePolicy(input: unknown): PolicyParse {
  const parsed = policyDocumentSchema.safeParse(input)
  if (parsed.success) return { ok: true, policy: parsed.data }
  return { ok: false, errors: parsed.error.issues.flatMap(faultsOf) }
}

/** What a new organisation starts with: everything is recorded, nothing that people need is blocked. */
export function defaultPolicy(): PolicyDocument {
  return {
    schema: POLICY_SCHEMA_VERSION,
    data: {
      screenshot: { mode: 'log' },
      forward: { mode: 'allow', internalDomains: [] },
      download: { mode: 'allow' },
      print: { mode: 'allow' },
      copy: { mode: 'allow' },
    },
    devices: { maxPerPerson: null, minAppVersion: {}, offlineHours: 12, approval: 'auto' },
    signIn: { secondFactor: { mode: 'off', from: null, graceDays: 0 } },
  }
}

/** JSON Schema (draft 2020-12) of what `parsePolicy` accepts, as `GET /policies/schema` serves it. */
export function policyJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(policyDocumentSchema, { io: 'input', target: 'draft-2020-12' })
  return { ...schema, title: 'Gatehouse policy document' }
}
