import type { PolicyAction } from '#protocol/policy/evaluate.ts'
import type { Device } from './device.ts'
import { type EventDraft, recordEvent } from './events.ts'
import { labelsOf, withoutPolicy } from './files.ts'
import { cachedPolicy, decide } from './policy.ts'

/** By what a viewer noticed that content may leave it. */
export type NoticeMeans = 'printscreen' | 'shortcut' | 'focus_lost' | 'print' | 'copy' | 'drag'

const ACTIONS = {
  printscreen: 'screenshot.attempt',
  shortcut: 'screenshot.attempt',
  print: 'file.print',
  copy: 'file.copy',
  drag: 'file.copy',
} as const satisfies Record<Exclude<NoticeMeans, 'focus_lost'>, PolicyAction>

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

export type NoticeResult = Judged & { seq: number }

/** Writes down what a viewer noticed, for good, by the policy on the device; it is sent as soon as can be. Works offline. */
export async function recordNotice(device: Device, notice: Notice): Promise<NoticeResult> {
  const { fileId, means, page, session } = notice
  const labels = await labelsOf(device, fileId)
  const judged = means === 'focus_lost' ? turnedAway(notice) : await judge(device, { ...notice, means }, labels)
  const seq = await recordEvent(device, {
    ...judged,
    target: { type: 'file', id: fileId },
    ...(labels.length > 0 ? { labels } : {}),
    detail: { means, ...(page === undefined ? {} : { page }), ...(session === undefined ? {} : { session }) },
  })
  await device.ports.companion.poke()
  return { ...judged, seq }
}

type Judged = Pick<EventDraft, 'action' | 'outcome' | 'enforcement' | 'policy'>

/** What a capture tool does first, and everybody else a hundred times a day: no attempt, and no policy decides it. */
function turnedAway({ obscured }: Notice): Judged {
  return { action: 'file.focus_lost', outcome: 'allowed', enforcement: obscured ? 'obscured' : 'none' }
}

async function judge(
  device: Device,
  { means, obscured }: Notice & { means: keyof typeof ACTIONS },
  labels: string[],
): Promise<Judged> {
  const action = ACTIONS[means]
  const policy = await cachedPolicy(device)
  const decision = decide(device, policy ?? withoutPolicy(device), { action, labels, obscured })
  const { outcome, rule } = decision
  // What is only noticed is never more than that, whatever allowed it.
  const enforcement = decision.enforcement === 'none' ? (obscured ? 'obscured' : 'detected') : decision.enforcement
  return {
    action,
    outcome,
    enforcement,
    ...(policy ? { policy: { id: policy.policyId, version: policy.version, rule } } : {}),
  }
}
