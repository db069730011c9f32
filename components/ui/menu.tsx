'use client'

import { Menu as Base } from '@base-ui/react/menu'
import NextLink from 'next/link'
import { type ReactElement, type ReactNode, useState } from 'react'
import { cx } from './cx.ts'

const itemClass =
  'flex w-full cursor-pointer items-center gap-2 px-3 py-1.5 text-left outline-none data-highlighted:bg-accent-soft data-disabled:opacity-55 max-md:min-h-11'

type MenuProps = {
  trigger: ReactElement<Record<string, unknown>>
  label: string
  align?: 'start' | 'end'
  children: ReactNode
}

/** A menu behind a button. Only acts and links; what is chosen and kept is a `MenuChoice`. */
export function Menu({ trigger, label, align = 'end', children }: MenuProps) {
  const [place] = useState(createPlace)
  return (
    <Base.Root>
      <Base.Trigger ref={place.setTrigger} aria-label={label} render={trigger} />
      <Base.Portal container={place}>
        <Base.Positioner sideOffset={6} align={align} className="z-50">
          <Base.Popup className="max-h-(--available-height) min-w-52 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop outline-none">
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

/** Where the menu is put: inside the page's main landmark or its dialog, so that nothing floats outside of all. */
function createPlace() {
  let trigger: Element | null = null
  return {
    setTrigger(element: Element | null) {
      trigger = element
    },
    get current(): HTMLElement | null {
      return trigger?.closest<HTMLElement>('[role="dialog"]') ?? document.getElementById('content')
    },
  }
}

type ItemProps = {
  onSelect: () => void
  tone?: 'neutral' | 'danger'
  disabledReason?: string | null
  children: ReactNode
}

/** An act. One that is refused stays in the menu and says why below its name. */
export function MenuItem({ onSelect, tone = 'neutral', disabledReason, children }: ItemProps) {
  return (
    <Base.Item
      className={cx(itemClass, tone === 'danger' && 'text-danger')}
      disabled={Boolean(disabledReason)}
      onClick={onSelect}
    >
      <span>
        {children}
        {disabledReason && <span className="block max-w-64 text-tiny">{disabledReason}</span>}
      </span>
    </Base.Item>
  )
}

export function MenuLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Base.LinkItem className={itemClass} closeOnClick render={<NextLink href={href} prefetch={false} />}>
      {children}
    </Base.LinkItem>
  )
}

/** One of several kept choices, such as the theme. */
export function MenuChoice({
  label,
  value,
  onChange,
  options,
}: {
  label: string
  value: string
  onChange: (value: string) => void
  options: { value: string; label: ReactNode }[]
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={(next: string) => onChange(next)} aria-label={label}>
      <p className="px-3 pt-1.5 pb-0.5 text-tiny text-ink-3" aria-hidden>
        {label}
      </p>
      {options.map((option) => (
        <Base.RadioItem key={option.value} value={option.value} closeOnClick className={itemClass}>
          <span aria-hidden className="w-3">
            <Base.RadioItemIndicator>✓</Base.RadioItemIndicator>
          </span>
          {option.label}
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  )
}

export function MenuLine() {
  return <Base.Separator className="my-1 h-px bg-line" />
}
