import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import type { AuditEventView, Facets, FacetValue, HiddenField } from '../schema.ts'
import type { CodeOf } from './pseudonyms.ts'
import { isCorrelatedByFile, isOpenActor, isOpenType, networkShown, openDetail } from './visible.ts'

/** What a pseudonym stands for. */
export type NamedKind = 'person' | 'device' | 'item'

const WORDS: Record<NamedKind, string> = { person: 'Person', device: 'Device', item: 'Item' }

/** What is hidden from one reader: everybody but those whose names they gave a reason for. */
export type Hiding = { codeOf: CodeOf; isShown: (id: string) => boolean }

/** `Person K7Q2-M9XD`. Who has a name but no id is told by the name; who has neither is nobody. */
export function maskName(kind: NamedKind, id: string | undefined, name: string | undefined, hiding: Hiding): string {
  if (id !== undefined && hiding.isShown(id)) return name ?? id
  return `${WORDS[kind]} ${hiding.codeOf(id ?? `name:${name ?? ''}`)}`
}

/** `K7Q2-M9XD`, or the id of who is shown. */
export function maskId(id: string, { codeOf, isShown }: Hiding): string {
  return isShown(id) ? id : codeOf(id)
}

/** The event without a name, an address or a text that may hold one; `hidden` says what was left out. */
export function maskEvent(event: AuditEventView, hiding: Hiding): AuditEventView {
  const { userAgent: _, reason, words, senderId, address, detail, ...rest } = event
  const open = openDetail(event)
  const isKept = detail !== undefined && Object.keys(open).length > 0
  const { actor, device, target } = event
  const byShown = actor.id !== undefined && hiding.isShown(actor.id)
  const hidden: HiddenField[] = [
    ...(address !== undefined && !byShown ? ['address' as const] : []),
    ...(reason !== undefined && !byShown ? ['reason' as const] : []),
    ...(words !== undefined && !byShown ? ['words' as const] : []),
    ...(detail && Object.keys(detail).length > Object.keys(open).length ? ['detail' as const] : []),
  ]
  return {
    ...rest,
    actor: isOpenActor(actor.kind) ? { kind: actor.kind, id: actor.id, name: actor.name } : maskActor(actor, hiding),
    device: device && { id: maskId(device.id, hiding), name: maskName('device', device.id, device.name, hiding) },
    target: target && maskTarget(target, hiding),
    correlationId:
      event.correlationId &&
      (isCorrelatedByFile(event.action) ? event.correlationId : hiding.codeOf(event.correlationId)),
    address: address && (byShown ? address : networkShown(address)),
    ...(byShown ? { reason, words } : {}),
    detail: isKept ? open : undefined,
    ...(senderId !== undefined && byShown ? { senderId } : {}),
    hidden,
  }
}

function maskActor({ kind, id, name, email }: AuditEventView['actor'], hiding: Hiding): AuditEventView['actor'] {
  if (id !== undefined && hiding.isShown(id)) return { kind, id, name, email }
  if (id === undefined && name === undefined) return { kind }
  return {
    kind,
    id: id && hiding.codeOf(id),
    name: maskName(kind === 'device' ? 'device' : 'person', id, name, hiding),
  }
}

function maskTarget({ type, id, name }: NonNullable<AuditEventView['target']>, hiding: Hiding) {
  if (isOpenType(type)) return { type, id, name }
  const kind = type === 'person' || type === 'device' ? type : 'item'
  return { type, id: maskId(id, hiding), name: maskName(kind, id, name, hiding) }
}

/** Counts stay; the order among equals does not tell the order of ids. `isOpen` knows the ids of who is no person. */
export function maskFacets({ facets, ...rest }: Facets, hiding: Hiding, isOpen: (value: string) => boolean): Facets {
  return {
    ...rest,
    facets: facets.map(({ field, values }) =>
      field === 'actor' || field === 'device'
        ? { field, values: together(values.map((value) => maskValue(field, value, hiding, isOpen))).sort(byCount) }
        : { field, values },
    ),
  }
}

function maskValue(
  field: 'actor' | 'device',
  { value, label, kind: by, count }: FacetValue,
  hiding: Hiding,
  isOpen: (value: string) => boolean,
): FacetValue {
  if (isOpen(value) || (by && isOpenActor(by))) return { value, label, kind: by, count }
  // A name without an id has a pseudonym that nothing can be asked by: they are counted together, as what they are.
  if (by && !isUuid(value)) return { value: by, kind: by, count }
  const kind = field === 'actor' ? 'person' : 'device'
  return { value: maskId(value, hiding), label: maskName(kind, value, label, hiding), ...(by && { kind: by }), count }
}

/** One line for each value: what is hidden may have been several. */
function together(values: readonly FacetValue[]): FacetValue[] {
  const counts = new Map<string, FacetValue>()
  for (const { count, ...told } of values)
    counts.set(told.value, { ...told, count: (counts.get(told.value)?.count ?? 0) + count })
  return [...counts.values()]
}

function byCount(a: FacetValue, b: FacetValue): number {
  return b.count - a.count || (a.value < b.value ? -1 : 1)
}
