import { z } from 'zod'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { jwksSchema } from '#protocol/device/keys.ts'
import { factsSchema } from '#protocol/device/messages.ts'
import type { Store } from './ports.ts'

/** Names of everything a device keeps beside its keys. `wipe.ts` decides for each whether it outlives an erasure. */
export const NAMES = {
  identity: 'device.json',
  token: 'keys/token',
  policy: 'policy.jws',
  standing: 'standing.json',
  commands: 'commands.json',
  fileIndex: 'files.idx',
  wipe: 'wipe.json',
  tombstone: 'tombstone.json',
  vault: 'vault',
  receipts: 'receipts',
} as const

const identitySchema = z.object({
  gatewayUrl: z.string(),
  tenantId: z.string(),
  deviceId: z.string(),
  enrollmentId: z.string(),
  keyThumbprint: z.string(),
  serverKeys: jwksSchema,
  facts: factsSchema,
  /** Facts that were given at enrolment and do not follow the machine. */
  givenFacts: z.array(z.string()).default([]),
  enrolledAt: z.string(),
})

/** What the enrolment settled; no secret among it. */
export type Identity = z.infer<typeof identitySchema>

const standingSchema = z.object({
  /** The server's last word on this device. */
  status: z.string(),
  problem: z.object({ code: z.string(), detail: z.string() }).nullable(),
  /** When the server was last heard. */
  at: z.string(),
  /** Since when this directory is taken for one of two copies; it never recovers from that. */
  cloneSuspectedAt: z.string().nullable(),
})

export type Standing = z.infer<typeof standingSchema>

/** Reads a stored JSON value in its shape, or null where there is none. */
export async function readJson<T>(store: Store, name: string, schema: z.ZodType<T>): Promise<T | null> {
  const bytes = await store.read(name)
  return bytes === null ? null : schema.parse(JSON.parse(utf8Decode(bytes)))
}

export async function writeJson(store: Store, name: string, value: object): Promise<void> {
  await store.write(name, utf8Encode(`${JSON.stringify(value)}\n`))
}

export async function readText(store: Store, name: string): Promise<string | null> {
  const bytes = await store.read(name)
  return bytes === null ? null : utf8Decode(bytes).trim()
}

export function readIdentity(store: Store): Promise<Identity | null> {
  return readJson(store, NAMES.identity, identitySchema)
}

export function readStanding(store: Store): Promise<Standing | null> {
  return readJson(store, NAMES.standing, standingSchema)
}

/** Records the server's last word; a suspected clone stays one. */
export async function writeStanding(
  store: Store,
  change: { status: string; problem?: Standing['problem']; at: string; cloneSuspectedAt?: string },
): Promise<void> {
  const before = await readStanding(store)
  await writeJson(store, NAMES.standing, {
    status: change.status,
    problem: change.problem ?? null,
    at: change.at,
    cloneSuspectedAt: before?.cloneSuspectedAt ?? change.cloneSuspectedAt ?? null,
  })
}
