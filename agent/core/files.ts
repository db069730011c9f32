import { z } from 'zod'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { isUuid } from '#lib/uuid.ts'
import type { FileEntry } from '#protocol/device/messages.ts'
import type { PolicyBundle } from '#protocol/device/policy-bundle.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'
import type { PolicyAction, PolicyDecision } from '#protocol/policy/evaluate.ts'
import type { Device } from './device.ts'
import { AgentError, isRevoked, isTemporary, toAgentError } from './errors.ts'
import { type EventDraft, expectNoClone, recordEvent } from './events.ts'
import { NAMES } from './identity.ts'
import { cachedPolicy, currentPolicy, decide, fetchPolicy } from './policy.ts'
import { type Unlocked, unlock } from './vault.ts'
import { readFile } from './vault-files.ts'
import type { KeptContent } from './vault-parts.ts'

const INDEX_CONTEXT = 'gatehouse/file-index/v1'
/** A person waits for these: ask for news, but not for long. */
const POLICY_TIMEOUT_MS = 3_000

// Names stay on the server: the index opens without the server's share, and a name can be a secret.
const indexSchema = z.array(z.object({ id: z.string(), labels: z.array(z.string()), sizeBytes: z.number() }))

type FileIndex = z.infer<typeof indexSchema>

async function readIndex(device: Device): Promise<FileIndex> {
  const sealed = await device.ports.store.read(NAMES.fileIndex)
  if (sealed === null) return []
  try {
    return indexSchema.parse(JSON.parse(utf8Decode(await device.cipher.open(sealed, INDEX_CONTEXT))))
  } catch {
    // Damaged: it is a cache of what the server says, and the next list replaces it.
    return []
  }
}

/** The files the server lists for this device; keeps ids and labels for the events of offline hours. */
export async function listFiles(device: Device): Promise<FileEntry[]> {
  await expectNoClone(device)
  const items: FileEntry[] = []
  let cursor: string | undefined
  do {
    const page = await device.client.files(cursor)
    items.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  const index: FileIndex = items.map(({ id, labels, sizeBytes }) => ({ id, labels, sizeBytes }))
  const sealed = await device.cipher.seal(utf8Encode(JSON.stringify(index)), INDEX_CONTEXT)
  await device.ports.store.write(NAMES.fileIndex, sealed)
  return items
}

function expectFileId(fileId: string): void {
  if (!isUuid(fileId)) throw new AgentError('usage', `FILE-ID must be a UUID, got ${JSON.stringify(fileId)}.`)
}

type Act = {
  action: PolicyAction
  fileId: string
  recipient?: string | undefined
  reason?: string | undefined
}

async function indexed(device: Device, fileId: string): Promise<FileIndex[number] | undefined> {
  return (await readIndex(device)).find((file) => file.id === fileId)
}

/** The labels of a file as the server last listed it. */
export async function labelsOf(device: Device, fileId: string): Promise<string[]> {
  return (await indexed(device, fileId))?.labels ?? []
}

function draftOf(act: Act, decision: PolicyDecision, policy: PolicyBundle | null, labels: string[]): EventDraft {
  const { outcome, enforcement, rule, mechanism } = decision
  const detail = { ...(mechanism ? { mechanism } : {}), ...(act.recipient ? { to: act.recipient } : {}) }
  return {
    action: act.action,
    outcome,
    enforcement,
    ...(policy ? { policy: { id: policy.policyId, version: policy.version, rule } } : {}),
    target: { type: 'file', id: act.fileId },
    ...(labels.length > 0 ? { labels } : {}),
    ...(act.reason ? { reason: act.reason } : {}),
    ...(Object.keys(detail).length > 0 ? { detail } : {}),
  }
}

export type ActResult = {
  outcome: 'allowed' | 'denied'
  enforcement: PolicyDecision['enforcement']
  rule: string
  policyVersion: number | null
  seq: number
}

const DENIALS: Record<NonNullable<PolicyDecision['denial']>, string> = {
  blocked: 'is blocked by the policy',
  external_recipient: 'is allowed inside the organisation only',
  reason_required: 'needs a reason (--reason)',
}

function deniedError(act: Act, decision: PolicyDecision, policy: PolicyBundle): AgentError {
  const why = DENIALS[decision.denial ?? 'blocked']
  return new AgentError('denied', `${act.action} ${why} (${decision.rule}, version ${policy.version}).`)
}

/** Records the decision before anything acts on it; throws `denied` where the policy says no. */
async function judge(device: Device, act: Act, policy: PolicyBundle): Promise<ActResult> {
  const labels = await labelsOf(device, act.fileId)
  const decision = decide(device, policy, { ...act, labels })
  const seq = await recordEvent(device, draftOf(act, decision, policy, labels))
  if (decision.outcome === 'denied') throw deniedError(act, decision, policy)
  const { outcome, enforcement, rule } = decision
  return { outcome, enforcement, rule, policyVersion: policy.version, seq }
}

async function recordRevoked(device: Device, act: Act): Promise<void> {
  await recordEvent(device, {
    action: act.action,
    outcome: 'denied',
    enforcement: 'prevented',
    target: { type: 'file', id: act.fileId },
    detail: { code: 'device_revoked' },
  })
}

async function unlockFor(device: Device, act: Act): Promise<Unlocked> {
  try {
    return await unlock(device)
  } catch (error) {
    if (error instanceof AgentError && error.code === 'revoked') await recordRevoked(device, act)
    throw error
  }
}

async function policyFor(device: Device, unlocked: Unlocked): Promise<PolicyBundle> {
  const cached = await cachedPolicy(device)
  if (cached && (unlocked.policyVersion === null || unlocked.policyVersion === cached.version)) return cached
  try {
    return await fetchPolicy(device)
  } catch (error) {
    throw toAgentError(error)
  }
}

const nothing: KeptContent = { sizeBytes: 0, async *chunks() {} }

export type OpenOptions = { fileId: string; purpose: 'view' | 'download'; reason?: string | undefined }

/**
 * The content of a file for viewing or saving, piece by piece. It is recorded, durably, before the first byte is handed out, and
 * all of it lies in the vault by then.
 */
export async function openDeviceFile(
  device: Device,
  { fileId, purpose, reason }: OpenOptions,
): Promise<ActResult & KeptContent> {
  expectFileId(fileId)
  await expectNoClone(device)
  const act: Act = { action: purpose === 'view' ? 'file.view' : 'file.download', fileId, reason }
  const unlocked = await unlockFor(device, act)
  const policy = await policyFor(device, unlocked)
  const { labels = [], sizeBytes } = (await indexed(device, fileId)) ?? {}
  const isAllowed = decide(device, policy, { ...act, labels }).outcome === 'allowed'
  // A denied download must not leave the server at all; `judge` records and throws.
  const content = isAllowed ? await readFile(device, unlocked, { fileId, purpose, sizeBytes }) : nothing
  return { ...(await judge(device, act, policy)), ...content }
}

export type ForwardOptions = { fileId: string; to: string; reason?: string | undefined }

/** `fileId` is the recipient's copy; null out of the organisation, where the host app hands the content over itself. */
export type ForwardResult = Omit<ActResult, 'seq' | 'outcome'> & {
  outcome: 'allowed'
  fileId: string | null
  name: string
  to: string
}

/**
 * Forwards a file: the server decides, records and makes the recipient's copy. Where it does not answer nothing is forwarded; that
 * somebody tried is recorded. Throws AgentError `denied`, `offline`, `busy`, `revoked` or `refused`.
 */
export async function forwardFile(device: Device, { fileId, to, reason }: ForwardOptions): Promise<ForwardResult> {
  expectFileId(fileId)
  if (!/^[^\s@]{1,64}@[^\s@]{1,253}$/.test(to)) {
    throw new AgentError('usage', `--to must be a mail address, got ${JSON.stringify(to)}.`)
  }
  await expectNoClone(device)
  const act: Act = { action: 'file.forward', fileId, recipient: to, reason }
  try {
    const { policy, ...copy } = await device.client.forward(fileId, { to, ...(reason ? { reason } : {}) })
    return { outcome: 'allowed', enforcement: 'none', rule: policy.rule, policyVersion: policy.version, ...copy }
  } catch (error) {
    if (isRevoked(error)) await recordRevoked(device, act)
    if (isTemporary(error)) await recordUnsent(device, act)
    throw toAgentError(error)
  }
}

/** Records a forward that did not reach the server: denied where the policy on the device says so, else failed. */
async function recordUnsent(device: Device, act: Act): Promise<void> {
  const policy = await cachedPolicy(device)
  const labels = await labelsOf(device, act.fileId)
  const decision = policy && decide(device, policy, { ...act, labels })
  if (policy && decision?.outcome === 'denied') {
    await judge(device, act, policy)
    return
  }
  await recordEvent(device, {
    action: act.action,
    outcome: 'failed',
    target: { type: 'file', id: act.fileId },
    ...(labels.length > 0 ? { labels } : {}),
    ...(act.reason ? { reason: act.reason } : {}),
    detail: { code: 'offline', ...(act.recipient ? { to: act.recipient } : {}) },
  })
}

/** Records a screenshot attempt. It is taken whatever the state: blocked, offline, without a policy. */
export async function reportScreenshot(device: Device, options: { fileId: string }): Promise<ActResult> {
  expectFileId(options.fileId)
  const act: Act = { action: 'screenshot.attempt', fileId: options.fileId }
  const policy = await currentPolicy(device, POLICY_TIMEOUT_MS).catch(() => cachedPolicy(device))
  const labels = await labelsOf(device, act.fileId)
  const basis = policy ?? withoutPolicy(device)
  const decision = decide(device, basis, { ...act, labels })
  const seq = await recordEvent(device, draftOf(act, decision, policy, labels))
  const { outcome, enforcement, rule } = decision
  return { outcome, enforcement, rule, policyVersion: policy?.version ?? null, seq }
}

/** Stands in while no policy has arrived; an event decided by it names no policy. */
export function withoutPolicy(device: Device): PolicyBundle {
  return {
    tenantId: device.identity.tenantId,
    policyId: '00000000-0000-7000-8000-000000000000',
    version: 1,
    publishedAt: '1970-01-01T00:00:00.000Z',
    document: defaultPolicy(),
  }
}
