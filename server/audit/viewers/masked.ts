import 'server-only'
import { formatQuery } from '#protocol/audit/query.ts'
import type { Masking } from '../masking/masking.ts'
import { readQuery } from '../plan.ts'
import type { Coverage, DeviceGap, Viewer, WhoSaw } from './schema.ts'

type Named = { id: string; name: string }

/** Everybody whom the answer names: by their own or their devices' ids, or by what it calls them where it has none. */
export function shownIn({ viewers, coverage: { entitled, devices } }: WhoSaw): (string | undefined)[] {
  return [
    ...viewers.flatMap(({ who, devices: own }) => [who.id ?? who.email ?? who.name, ...own.map(({ id }) => id)]),
    ...entitled.without.map(({ id }) => id),
    ...entitled.formerly.map(({ id, name }) => id ?? name),
    ...devices.incomplete.flatMap(({ device, person }) => [device.id, person?.id]),
  ]
}

/** The answer with pseudonyms for people and devices; the file is one that the reader may read. */
export function masked(answer: WhoSaw, masking: Masking): WhoSaw {
  const { viewers, coverage, root, q } = answer
  const shownRoot = masking.id('item', root.id)
  return {
    ...answer,
    q: formatQuery(readQuery(q.replaceAll(root.id, shownRoot))),
    viewers: viewers.map((viewer) => maskedViewer(viewer, masking)),
    coverage: maskedCoverage(coverage, masking),
  }
}

function maskedViewer({ who, devices, ...viewer }: Viewer, masking: Masking): Viewer {
  const { kind, id, name, email } = who
  const named = kind === 'device' ? ('device' as const) : ('person' as const)
  return {
    ...viewer,
    who: { kind, ...(id && { id: masking.id(named, id) }), name: masking.name(named, id, email ?? name) },
    devices: devices.map((device) => maskedName('device', device, masking)),
  }
}

function maskedName(kind: 'person' | 'device', { id, name }: Named, masking: Masking): Named {
  return { id: masking.id(kind, id), name: masking.name(kind, id, name) }
}

function maskedCoverage(coverage: Coverage, masking: Masking): Coverage {
  const { entitled, devices } = coverage
  return {
    ...coverage,
    entitled: {
      ...entitled,
      without: entitled.without.map((person) => maskedName('person', person, masking)),
      // Some are known by name alone, and a name's pseudonym would not be its person's.
      formerly: [],
    },
    devices: { ...devices, incomplete: devices.incomplete.map((gap) => maskedGap(gap, masking)) },
  }
}

function maskedGap({ device, person, ...gap }: DeviceGap, masking: Masking): DeviceGap {
  return {
    ...gap,
    device: maskedName('device', device, masking),
    person: person && maskedName('person', person, masking),
  }
}
