import type { PolicyDocument } from './document.ts'
import { captureMechanism, type Platform } from './platforms.ts'
import { meetsMinimum } from './versions.ts'

/** What a person can do with protected content and the policy decides. */
export const POLICY_ACTIONS = [
  'file.view',
  'file.download',
  'file.forward',
  'file.print',
  'file.copy',
  'screenshot.attempt',
] as const

export type PolicyAction = (typeof POLICY_ACTIONS)[number]

export type Enforcement = 'prevented' | 'obscured' | 'detected' | 'none'

export type PolicyContext = {
  action: PolicyAction
  platform: Platform
  osVersion?: string | undefined
  /** `preventCapture`: the app states that it uses its platform's capture protection on every window it shows. */
  capabilities: { preventCapture: boolean }
  labels?: readonly string[]
  /** Mail address that a forward goes to. */
  recipient?: string | undefined
  /** What the person gave as the reason of a download or a forward. */
  reason?: string | undefined
  /** The content was covered before the capture, print or copy could take it. */
  obscured?: boolean | undefined
}

export type PolicyDecision = {
  outcome: 'allowed' | 'denied'
  enforcement: Enforcement
  /** The deciding rule, as it stands in an event's `policy.rule`. */
  rule: string
  /** The rule's setting that led here. */
  effect: string
  /** Why it was denied, or null: stable codes for texts and scripts. */
  denial: 'blocked' | 'external_recipient' | 'reason_required' | null
  /** The platform call that prevented a capture. */
  mechanism: string | null
}

function allow(rule: string, effect: string): PolicyDecision {
  return { outcome: 'allowed', enforcement: 'none', rule, effect, denial: null, mechanism: null }
}

function deny(rule: string, effect: string, denial: PolicyDecision['denial']): PolicyDecision {
  return { outcome: 'denied', enforcement: 'prevented', rule, effect, denial, mechanism: null }
}

/** Whether the address lies in one of the organisation's own mail domains (subdomains do not count). */
export function isInternalRecipient(policy: PolicyDocument, address: string): boolean {
  const at = address.lastIndexOf('@')
  return at > 0 && policy.data.forward.internalDomains.includes(address.slice(at + 1).toLowerCase())
}

function evaluateForward(policy: PolicyDocument, context: PolicyContext): PolicyDecision {
  const rule = 'data.forward'
  const { mode, askReason } = policy.data.forward
  if (mode === 'block') return deny(rule, mode, 'blocked')
  const internal = context.recipient !== undefined && isInternalRecipient(policy, context.recipient)
  if (mode === 'internal' && !internal) return deny(rule, mode, 'external_recipient')
  return askReason && !context.reason?.trim() ? deny(rule, 'ask_reason', 'reason_required') : allow(rule, mode)
}

function evaluateDownload(policy: PolicyDocument, context: PolicyContext): PolicyDecision {
  const rule = 'data.download'
  const { mode } = policy.data.download
  if (mode === 'block') return deny(rule, mode, 'blocked')
  if (mode === 'ask_reason' && !context.reason?.trim()) return deny(rule, mode, 'reason_required')
  return allow(rule, mode)
}

/** Contract: an attempt is denied only when a named mechanism of a listed platform version prevented it. */
function evaluateScreenshot(policy: PolicyDocument, context: PolicyContext): PolicyDecision {
  const rule = 'data.screenshot'
  const { mode } = policy.data.screenshot
  const mechanism = context.capabilities.preventCapture ? captureMechanism(context.platform, context.osVersion) : null
  if (mode === 'block' && mechanism) return { ...deny(rule, mode, 'blocked'), mechanism: mechanism.name }
  return { ...allow(rule, mode), enforcement: context.obscured ? 'obscured' : 'detected' }
}

/** What the page itself refuses: an app keeps it from happening, a browser can only notice it, and cover the content in time. */
function evaluateOnPage(
  rule: 'data.print' | 'data.copy',
  mode: 'allow' | 'block',
  context: PolicyContext,
): PolicyDecision {
  if (mode === 'allow') return allow(rule, mode)
  const denied = deny(rule, mode, 'blocked')
  if (context.platform !== 'browser') return denied
  return { ...denied, enforcement: context.obscured ? 'obscured' : 'detected' }
}

/** Decides one action under a tenant's policy. The same function runs in the agent, the server and the console. */
export function evaluate(policy: PolicyDocument, context: PolicyContext): PolicyDecision {
  switch (context.action) {
    case 'file.view':
      return allow('data.view', 'allow')
    case 'file.forward':
      return evaluateForward(policy, context)
    case 'file.download':
      return evaluateDownload(policy, context)
    case 'file.print':
      return evaluateOnPage('data.print', policy.data.print.mode, context)
    case 'file.copy':
      return evaluateOnPage('data.copy', policy.data.copy.mode, context)
    case 'screenshot.attempt':
      return evaluateScreenshot(policy, context)
  }
}

export type EnforcementClaim = {
  action: string
  outcome: 'allowed' | 'denied' | 'pending' | 'failed'
  enforcement?: Enforcement | undefined
  platform: Platform
  osVersion?: string | undefined
  capabilities: { preventCapture: boolean }
}

/**
 * What the log may say of a device's claim: a `screenshot.attempt` that no listed mechanism can have prevented becomes
 * `allowed` + `detected`, whatever the device wrote. A browser has prevented nothing. Every other claim stands as it came.
 */
export function honestClaim(claim: EnforcementClaim): {
  outcome: EnforcementClaim['outcome']
  enforcement: Enforcement
} {
  const stated = claim.enforcement ?? 'none'
  const enforcement = stated === 'prevented' && claim.platform === 'browser' ? 'detected' : stated
  if (claim.action !== 'screenshot.attempt') return { outcome: claim.outcome, enforcement }
  const listed = claim.capabilities.preventCapture && captureMechanism(claim.platform, claim.osVersion) !== null
  if (listed && claim.outcome === 'denied' && enforcement === 'prevented') return { outcome: 'denied', enforcement }
  return { outcome: 'allowed', enforcement: enforcement === 'obscured' ? 'obscured' : 'detected' }
}

/** The lowest app version the policy accepts on this platform, or null: any. */
export function requiredAppVersion(
  policy: PolicyDocument,
  device: { platform: Platform; channel: 'agent' | 'browser' },
): string | null {
  const minimum = policy.devices.minAppVersion
  return minimum[device.platform] ?? (device.channel === 'agent' ? minimum.agent : undefined) ?? null
}

/** Whether the device's app is new enough; a version that cannot be read is not. */
export function isAppVersionAccepted(
  policy: PolicyDocument,
  device: { platform: Platform; channel: 'agent' | 'browser'; appVersion: string },
): boolean {
  const minimum = requiredAppVersion(policy, device)
  return minimum === null || meetsMinimum(device.appVersion, minimum)
}

/**
 * From when on a person without a second factor is held at the enrolment page (ms since 1970), or null: never.
 * `publishedAtMs` is when the policy version came into force.
 */
export function secondFactorDeadlineMs(policy: PolicyDocument, publishedAtMs: number): number | null {
  const { mode, from, graceDays } = policy.signIn.secondFactor
  if (mode === 'off') return null
  const beginsAtMs = mode === 'from' && from !== null ? Date.parse(from) : publishedAtMs
  return beginsAtMs + graceDays * 86_400_000
}
