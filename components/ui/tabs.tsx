'use client'

import { Tabs as Base } from '@base-ui/react/tabs'
import NextLink from 'next/link'
import type { ReactNode } from 'react'

const tabClass =
  'inline-flex min-h-[34px] items-center gap-1.5 border-b-2 border-transparent px-1 text-ink-2 whitespace-nowrap hover:text-ink aria-selected:border-ink aria-selected:font-medium aria-selected:text-ink aria-[current]:border-ink aria-[current]:font-medium aria-[current]:text-ink max-md:min-h-11'
const listClass = 'mb-4 flex gap-4 overflow-x-auto border-b border-line'

/** Parts of one page that need no address of their own. */
export function Tabs({
  label,
  tabs,
}: {
  label: string
  tabs: { key: string; title: ReactNode; content: ReactNode }[]
}) {
  return (
    <Base.Root defaultValue={tabs[0]?.key}>
      <Base.List aria-label={label} className={listClass}>
        {tabs.map((tab) => (
          <Base.Tab key={tab.key} value={tab.key} className={tabClass}>
            {tab.title}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel key={tab.key} value={tab.key}>
          {tab.content}
        </Base.Panel>
      ))}
    </Base.Root>
  )
}

/** Parts of a thing that are pages: each has its address. */
export function LinkTabs({
  label,
  tabs,
  current,
}: {
  label: string
  tabs: { key: string; title: ReactNode; href: string }[]
  current: string
}) {
  return (
    <nav aria-label={label} className={listClass}>
      {tabs.map((tab) => (
        <NextLink
          key={tab.key}
          href={tab.href}
          prefetch={false}
          aria-current={tab.key === current ? 'page' : undefined}
          className={tabClass}
        >
          {tab.title}
        </NextLink>
      ))}
    </nav>
  )
}
