import type { Overview } from './load.ts'

/** Keys of messages `overview.needs`, in the order of urgency. */
export const NEEDS = [
  'alarm',
  'damaged',
  'clone',
  'unconfirmed',
  'unwitnessed',
  'waiting',
  'pending',
  'factor',
] as const
export type NeedKey = (typeof NEEDS)[number]

/** One thing that waits for a person, and the one place to deal with it. */
export type Need = { key: NeedKey; tone: 'danger' | 'warn'; count: number; name: string; href: string; at: Date | null }

type Facts = Pick<Overview, 'devices' | 'unconfirmed' | 'waiting' | 'policy' | 'trust' | 'damaged'>

const ALARMS: readonly string[] = ['behind', 'different', 'key_missing', 'file_missing']

/** What needs somebody now, most urgent first. */
export function needsOf(facts: Facts): Need[] {
  const found = [
    ...[alarm(facts), damaged(facts), clone(facts), unconfirmed(facts)],
    ...[unwitnessed(facts), waiting(facts), pending(facts), factor(facts)],
  ]
  return found.filter((need) => need !== null)
}

function need(key: NeedKey, tone: Need['tone'], rest: Partial<Need> & { href: string }): Need {
  return { key, tone, count: 1, name: '', at: null, ...rest }
}

function alarm({ trust }: Facts): Need | null {
  return trust && ALARMS.includes(trust.state) ? need('alarm', 'danger', { href: '/trust' }) : null
}

/** Somebody outside was asked to hold the log, and nobody has for a day. */
function unwitnessed({ trust }: Facts): Need | null {
  if (trust?.state !== 'ok' || trust.isIntact || trust.anchors.length === 0) return null
  return need('unwitnessed', 'warn', { href: '/trust' })
}

function damaged({ damaged: files }: Facts): Need | null {
  const [first] = files?.items ?? []
  if (!files || !first) return null
  const count = files.items.length
  const href = count === 1 ? `/files/${first.id}` : '/audit?q=action%3Afile.integrity'
  return need('damaged', 'danger', { count, name: first.name, href })
}

function clone({ devices }: Facts): Need | null {
  const [first] = devices?.clones ?? []
  if (!devices || !first) return null
  const count = devices.clones.length
  return need('clone', 'danger', {
    count,
    name: first.name,
    href: count === 1 ? `/devices/${first.id}` : '/devices?status=blocked',
  })
}

function unconfirmed({ unconfirmed: page }: Facts): Need | null {
  const [first] = page?.items ?? []
  if (!page || !first) return null
  const count = page.items.length
  return need('unconfirmed', 'danger', {
    count,
    name: first.deviceName,
    href: count === 1 ? `/wipes/${first.id}` : '/wipes?state=unconfirmed',
  })
}

function waiting({ waiting: count }: Facts): Need | null {
  return count > 0 ? need('waiting', 'warn', { count, href: '/approvals' }) : null
}

function pending({ devices }: Facts): Need | null {
  return devices && devices.pending > 0
    ? need('pending', 'warn', { count: devices.pending, href: '/devices?status=pending' })
    : null
}

function factor({ policy }: Facts): Need | null {
  if (!policy?.factorDeadline || policy.withoutFactor === 0) return null
  return need('factor', 'warn', { count: policy.withoutFactor, at: policy.factorDeadline, href: '/people' })
}
