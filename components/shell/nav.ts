/** The places of the console. Their names are messages, `shell.nav.<key>`. */
export type NavKey =
  | 'overview'
  | 'policies'
  | 'people'
  | 'devices'
  | 'files'
  | 'signIn'
  | 'review'
  | 'audit'
  | 'keeping'
  | 'alerts'
  | 'approvals'
  | 'wipes'
  | 'reports'
  | 'integrations'
  | 'keys'
  | 'trust'
  | 'settings'

export type NavItem = { key: NavKey; href: string; count?: number; capped?: boolean; tone?: 'neutral' | 'danger' }

/** `top` has no heading. Only places this person may enter are handed in. */
export type NavGroup = { key: 'top' | 'protect' | 'watch' | 'connect'; items: NavItem[] }

/** The place a path belongs to: the longest link that starts it. */
export function currentItem(groups: NavGroup[], pathname: string): NavKey | undefined {
  return groups
    .flatMap((group) => group.items)
    .filter((item) => pathname === item.href || pathname.startsWith(item.href === '/' ? '//' : `${item.href}/`))
    .sort((a, b) => b.href.length - a.href.length)[0]?.key
}
