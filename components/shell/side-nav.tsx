'use client'

import NextLink from 'next/link'
import { usePathname } from 'next/navigation'
import { useFormatter, useTranslations } from 'next-intl'
import { cx } from '../ui/cx.ts'
import { Pill } from '../ui/tag.tsx'
import { currentItem, type NavGroup, type NavItem } from './nav.ts'

export function SideNav({ groups, onNavigate }: { groups: NavGroup[]; onNavigate?: () => void }) {
  const t = useTranslations('shell')
  const here = currentItem(groups, usePathname())
  return (
    <nav aria-label={t('nav.label')} className="flex flex-col">
      {groups
        .filter((group) => group.items.length > 0)
        .map((group) => (
          <div key={group.key}>
            {group.key !== 'top' && (
              <p className="px-2 pt-3 pb-1 text-tiny leading-5 text-ink-3">{t(`nav.group.${group.key}`)}</p>
            )}
            <ul>
              {group.items.map((item) => (
                <li key={item.key}>
                  <NavLink item={item} current={item.key === here} onNavigate={onNavigate} />
                </li>
              ))}
            </ul>
          </div>
        ))}
    </nav>
  )
}

function NavLink({
  item,
  current,
  onNavigate,
}: {
  item: NavItem
  current: boolean
  onNavigate: (() => void) | undefined
}) {
  const t = useTranslations('shell')
  const format = useFormatter()
  return (
    <NextLink
      href={item.href}
      prefetch={false}
      onClick={onNavigate}
      aria-current={current ? 'page' : undefined}
      className={cx(
        'flex items-center justify-between rounded-control px-2 py-[5px] max-md:min-h-11',
        current ? 'bg-surface font-medium text-ink shadow-[0_0_0_1px_var(--line)]' : 'text-ink-2 hover:text-ink',
      )}
    >
      {t(`nav.${item.key}`)}
      {item.count !== undefined && item.count > 0 && (
        <Pill tone={item.tone ?? 'neutral'}>
          {item.capped ? t('nav.capped', { count: format.number(item.count) }) : format.number(item.count)}
        </Pill>
      )}
    </NextLink>
  )
}
