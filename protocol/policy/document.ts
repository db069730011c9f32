import { z } from 'zod'
import type { PLATFORMS } from './platforms.ts'
import { VERSION_PATTERN } from './versions.ts'
import { DEFAULT_WATERMARK, WATERMARK_MAX_LENGTH, WATERMARK_PATTERN, watermarkFault } from './watermark.ts'

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

/** Painted into every page that is shown in a browser. */
const watermark = z.strictObject({
  mode: z.enum(['on', 'off']).default('on'),
  /** Text with {name} {email} {time} {device} {organisation}; see watermark.ts. */
  template: z
    .string()
    .max(WATERMARK_MAX_LENGTH)
    .regex(WATERMARK_PATTERN, { error: ({ input }) => watermarkFault(String(input)) ?? undefined })
    .default(DEFAULT_WATERMARK),
})

const data = z.strictObject({
  screenshot: z.strictObject({ mode: z.enum(['allow', 'log', 'block']) }),
  forward: z.strictObject({
    mode: z.enum(['allow', 'internal', 'block']),
    /** Mail domains that count as the organisation's own while mode is `internal`. */
    internalDomains: z.array(domainName).max(200).default([]),
    /** Whoever forwards gives a reason, which stands in the log. */
    askReason: z.boolean().default(false),
  }),
  download: z.strictObject({ mode: z.enum(['allow', 'ask_reason', 'block']) }),
  print: z.strictObject({ mode: z.enum(['allow', 'block']) }),
  copy: z.strictObject({ mode: z.enum(['allow', 'block']) }),
  watermark: watermark.prefault({}),
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

const browser = z.strictObject({
  /** `block`: no browser can be enrolled from now on; those that are enrolled stay. */
  enrol: z.enum(['allow', 'block']).default('allow'),
  /** Whether a browser may keep files for when it has no connection. */
  offlineContent: z.boolean().default(false),
})

const devices = z.strictObject({
  /** Devices a person may have enrolled at once; null: any number. */
  maxPerPerson: z.int().min(1).max(100).nullable(),
  minAppVersion,
  /** How long an unlocked device may stay unlocked without a connection; 0: online only. */
  offlineHours: z.int().min(0).max(720),
  /** `manual`: an enrolled device is pending until an admin approves it. */
  approval: z.enum(['auto', 'manual']),
  browser: browser.prefault({}),
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

/** As somebody may write it: members with a default may be left out. */
export type PolicyDocumentInput = z.input<typeof policyDocumentSchema>

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
      forward: { mode: 'allow', internalDomains: [], askReason: false },
      download: { mode: 'allow' },
      print: { mode: 'allow' },
      copy: { mode: 'allow' },
      watermark: { mode: 'on', template: DEFAULT_WATERMARK },
    },
    devices: {
      maxPerPerson: null,
      minAppVersion: {},
      offlineHours: 12,
      approval: 'auto',
      browser: { enrol: 'allow', offlineContent: false },
    },
    signIn: { secondFactor: { mode: 'off', from: null, graceDays: 0 } },
  }
}

/** `{ [key]: value }`, or nothing where the value is what a document without the member means. */
function unlessDefault<K extends string, V>(key: K, value: V, initial: V): Partial<Record<K, V>> {
  const same = JSON.stringify(value) === JSON.stringify(initial)
  // A computed key widens to string; it is K.
  return same ? {} : ({ [key]: value } as Partial<Record<K, V>>)
}

/**
 * The document as it is signed and digested: members that came after the first version of the form stand in it only where they
 * differ from their default, so that an old document keeps its digest and an older agent reads what does not concern it.
 */
export function canonicalPolicy(policy: PolicyDocument): PolicyDocumentInput {
  const start = defaultPolicy()
  const { watermark, ...data } = policy.data
  const { askReason, ...forward } = data.forward
  const { browser, ...devices } = policy.devices
  return {
    ...policy,
    data: {
      ...data,
      forward: { ...forward, ...unlessDefault('askReason', askReason, start.data.forward.askReason) },
      ...unlessDefault('watermark', watermark, start.data.watermark),
    },
    devices: { ...devices, ...unlessDefault('browser', browser, start.devices.browser) },
  }
}

/** JSON Schema (draft 2020-12) of what `parsePolicy` accepts, as `GET /policies/schema` serves it. */
export function policyJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(policyDocumentSchema, { io: 'input', target: 'draft-2020-12' })
  return { ...schema, title: 'Gatehouse policy document' }
}
