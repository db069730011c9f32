import type { PolicyAction, PolicyDecision } from '#protocol/policy/evaluate.ts'
import type { Device } from './device.ts'
import { recordEvent } from './events.ts'
import { labelsOf, withoutPolicy } from './files.ts'
import { cachedPolicy, decide } from './policy.ts'

/** By what a viewer noticed that content may leave it. */
export type NoticeMeans = 'printscreen' | 'shortcut' | 'focus_lost' | 'print' | 'copy' | 'drag'

const ACTIONS = {
  printscreen: 'screenshot.attempt',
  shortcut: 'screenshot.attempt',
  // What a capture tool does first. It need not be one: `means` says so in the event.
  focus_lost: 'screenshot.attempt',
  print: 'file.print',
  copy: 'file.copy',
  drag: 'file.copy',
} as const satisfies Record<NoticeMeans, PolicyAction>

export type Notice = {
  fileId: string
  means: NoticeMeans
  /** The page in view, from 1; absent where the content has none. */
  page?: number | undefined
  /** The viewer's session, as it stood in the release. */
  session?: string | undefined
  /** The content was covered before it could be taken. */
  obscured: boolean
}

export type NoticeResult = Pick<PolicyDecision, 'outcome' | 'enforcement' | 'rule'> & { seq: number }

/** Writes down what a viewer noticed, for good, by the policy on the device; it is sent as soon as can be. Works offline. */
export async function recordNotice(device: Device, notice: Notice): Promise<NoticeResult> {
  const { fileId, means, page, session, obscured } = notice
  const action = ACTIONS[means]
  const policy = await cachedPolicy(device)
  const labels = await labelsOf(device, fileId)
  const decision = decide(device, policy ?? withoutPolicy(device), { action, labels, obscured })
  const { outcome, rule } = decision
  // What is only noticed is never more than that, whatever allowed it.
  const enforcement = decision.enforcement === 'none' ? (obscured ? 'obscured' : 'detected') : decision.enforcement
  const seq = await recordEvent(device, {
    action,
    outcome,
    enforcement,
    ...(policy ? { policy: { id: policy.policyId, version: policy.version, rule } } : {}),
    target: { type: 'file', id: fileId },
    ...(labels.length > 0 ? { labels } : {}),
    detail: { means, ...(page === undefined ? {} : { page }), ...(session === undefined ? {} : { session }) },
  })
  await device.ports.companion.poke()
  return { outcome, enforcement, rule, seq }
}
