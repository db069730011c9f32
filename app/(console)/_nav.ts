import type { NavGroup, NavItem } from '#components/shell/nav.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import type { Permission } from '#server/kernel/permissions.ts'

type Place = { group: NavGroup['key']; item: NavItem; needs?: Permission }

/** Every place of the console and the permission without which there is nothing to see there. */
const PLACES: readonly Place[] = [
  { group: 'top', item: { key: 'overview', href: '/' } },
  { group: 'protect', item: { key: 'policies', href: '/policies' }, needs: 'policies:read' },
  { group: 'protect', item: { key: 'people', href: '/people' }, needs: 'people:read' },
  { group: 'protect', item: { key: 'devices', href: '/devices' }, needs: 'devices:read' },
  { group: 'protect', item: { key: 'files', href: '/files' }, needs: 'content:read' },
  { group: 'watch', item: { key: 'audit', href: '/audit' }, needs: 'audit:read' },
  { group: 'watch', item: { key: 'keeping', href: '/audit/keeping' }, needs: 'audit:read' },
  { group: 'watch', item: { key: 'approvals', href: '/approvals' }, needs: 'devices:read' },
  { group: 'watch', item: { key: 'wipes', href: '/wipes' }, needs: 'devices:read' },
  { group: 'connect', item: { key: 'keys', href: '/api-keys' }, needs: 'admin' },
  { group: 'connect', item: { key: 'trust', href: '/trust' }, needs: 'audit:read' },
  { group: 'connect', item: { key: 'settings', href: '/settings' }, needs: 'admin' },
]

type Count = Pick<NavItem, 'count' | 'capped' | 'tone'>

/** The places this person may enter. Hiding is a courtesy: each page's query decides. */
export function navFor(actor: PersonActor, counts: { [key in NavItem['key']]?: Count }): NavGroup[] {
  const groups: NavGroup['key'][] = ['top', 'protect', 'watch', 'connect']
  return groups.map((key) => ({
    key,
    items: PLACES.filter(({ group, needs }) => group === key && (!needs || actor.permissions.has(needs))).map(
      ({ item }) => ({ ...item, ...counts[item.key] }),
    ),
  }))
}
