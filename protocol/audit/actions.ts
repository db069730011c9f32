/** Where an action belongs on the audit page; `custom` holds what the organisation's own apps name themselves. */
export type ActionCategory =
  | 'sign-in'
  | 'people'
  | 'devices'
  | 'wipe'
  | 'policy'
  | 'content'
  | 'audit'
  | 'organisation'
  | 'custom'

type Catalogue = Record<string, readonly string[]>

/** Only the server itself can know that these happened. */
const STATED_BY_SERVER = {
  'sign-in': [
    'auth.sign_in',
    'auth.sign_out',
    'auth.step_up',
    'auth.password.change',
    'auth.password.reset',
    'auth.second_factor.enroll',
    'auth.second_factor.remove',
    'auth.second_factor.reset',
    'auth.second_factor.challenge',
    'auth.recovery_codes.create',
    'auth.recovery_code.use',
    'session.revoke',
  ],
  people: [
    'person.create',
    'person.update',
    'person.suspend',
    'person.resume',
    'person.delete',
    'person.invite',
    'person.revoke_invite',
    'person.accept_invite',
  ],
  devices: [
    'device.enroll',
    'device.enrollment_code.create',
    'device.enrollment_code.revoke',
    'device.approve',
    'device.update',
    'device.block',
    'device.unblock',
    'device.retire',
    'device.delete',
    'device.unlock',
    'device.lock',
    'device.facts',
    'device.keys.rotate',
    'device.clone_suspected',
    'device.events.missing',
    'device.event.rejected',
    'device.command.issue',
    'device.command.receipt',
  ],
  wipe: [
    'device.wipe.request',
    'device.wipe.hold',
    'device.wipe.release',
    'device.wipe.approve',
    'device.wipe.queue',
    'device.wipe.cancel',
    'device.wipe.deliver',
    'device.wipe.unconfirmed',
    'device.wipe.receipt',
    'device.wipe.fail',
    'device.wipe.supersede',
    'device.wipe.expire',
    'brake.cancel_all',
  ],
  policy: ['policy.draft', 'policy.simulate', 'policy.publish', 'policy.confirm', 'policy.rollback', 'policy.revert'],
  content: [
    'file.publish',
    'file.inspect',
    'file.integrity',
    'file.update',
    'file.release',
    'file.delete',
    'file.delete.request',
    'file.delete.hold',
    'file.delete.release',
    'file.delete.approve',
    'file.delete.cancel',
    'file.delete.expire',
    'notice.publish',
    'review.hold',
    'review.approve',
    'review.reject',
    'review.appeal',
  ],
  audit: [
    'audit.search',
    'audit.view.create',
    'audit.view.update',
    'audit.view.delete',
    'audit.unmask',
    'audit.unmask.end',
    'audit.export',
    'audit.verify',
    'audit.import',
    'audit.mapping.save',
    'audit.mapping.delete',
    'audit.erase',
    'audit.erase.request',
    'audit.erase.hold',
    'audit.erase.release',
    'audit.erase.approve',
    'audit.erase.cancel',
    'audit.erase.expire',
    'audit.purge',
    'audit.archive',
    'audit.archive.rule',
    'audit.hold',
    'audit.hold.release',
    'audit.hold.release.request',
    'audit.hold.release.hold',
    'audit.hold.release.release',
    'audit.hold.release.approve',
    'audit.hold.release.cancel',
    'audit.hold.release.expire',
    'audit.retention',
    'audit.retention.shorten',
    'audit.retention.shorten.request',
    'audit.retention.shorten.hold',
    'audit.retention.shorten.release',
    'audit.retention.shorten.approve',
    'audit.retention.shorten.cancel',
    'audit.retention.shorten.expire',
    'audit.checkpoint.missing',
    'audit.epoch.start',
  ],
  organisation: [
    'tenant.create',
    'tenant.update',
    'tenant.suspend',
    'tenant.resume',
    'key.rotate',
    'api_key.create',
    'api_key.revoke',
  ],
} as const satisfies Catalogue

/** These happen on a device or in an app, which states them; the server may state them as well. */
const STATED_BY_ANYONE = {
  devices: ['device.command.refused', 'device.policy.apply'],
  content: [
    'file.view',
    'file.download',
    'file.forward',
    'file.print',
    'file.copy',
    'file.focus_lost',
    'screenshot.attempt',
    'message.send',
    'message.view',
    'message.forward',
    'message.acknowledge',
    'notice.acknowledge',
  ],
} as const satisfies Catalogue

type NamesIn<C extends Catalogue> = C[keyof C][number]

/** Every action that the product itself writes. */
export type AuditAction = NamesIn<typeof STATED_BY_SERVER> | NamesIn<typeof STATED_BY_ANYONE>

/** Actions that a device or an app may state about itself. */
export type StatedAction = NamesIn<typeof STATED_BY_ANYONE>

const categories = new Map<string, ActionCategory>()
const stated = new Set<string>()
const nouns = new Set<string>()

function add(catalogue: { readonly [category in ActionCategory]?: readonly string[] }): void {
  for (const [category, actions] of Object.entries(catalogue)) {
    for (const action of actions) {
      // The keys come from the two literals above, whose every key is a category.
      categories.set(action, category as ActionCategory)
      nouns.add(action.slice(0, action.indexOf('.')))
    }
  }
}

add(STATED_BY_SERVER)
add(STATED_BY_ANYONE)
for (const actions of Object.values(STATED_BY_ANYONE)) for (const action of actions) stated.add(action)

/** Every known action, sorted. */
export const AUDIT_ACTIONS: readonly AuditAction[] = [...categories.keys()].filter(isAuditAction).sort()

/** Whether the product itself knows `action`. */
export function isAuditAction(action: string): action is AuditAction {
  return categories.has(action)
}

/** The category of an action; `custom` for every one the product does not know. */
export function categoryOf(action: string): ActionCategory {
  return categories.get(action) ?? 'custom'
}

/** The known actions of one category, sorted; none for `custom`. */
export function actionsIn(category: ActionCategory): readonly AuditAction[] {
  return AUDIT_ACTIONS.filter((action) => categoryOf(action) === category)
}

const ACTION_NAME = /^[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31}){1,3}$/

/** Whether `text` has the form of an action: two to four dotted words of lower-case letters, digits and underscores. */
export function isActionName(text: string): boolean {
  return categories.has(text) || ACTION_NAME.test(text)
}

/** Whether a device may state `action`. */
export function deviceMayState(action: string): action is StatedAction {
  return stated.has(action)
}

/**
 * Whether an app may state `action`: a stated action, or a name of its own whose noun (the first word) the product does not
 * use. Nobody can thus write `device.wipe.done` beside the server's own entries.
 */
export function appMayState(action: string): boolean {
  return stated.has(action) || (isActionName(action) && !nouns.has(action.slice(0, action.indexOf('.'))))
}

/** What became of the attempt. */
export const OUTCOMES = ['allowed', 'denied', 'pending', 'failed'] as const
/** One of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number]

/** Who acted. */
export const ACTOR_KINDS = ['person', 'device', 'api_key', 'system', 'scim'] as const
/** One of `ACTOR_KINDS`. */
export type ActorKind = (typeof ACTOR_KINDS)[number]

/** What the platform did about it: hindered it, hid the content, only noticed it, or nothing. */
export const ENFORCEMENTS = ['prevented', 'obscured', 'detected', 'none'] as const
/** One of `ENFORCEMENTS`. */
export type Enforcement = (typeof ENFORCEMENTS)[number]
