'use client'

import { Autocomplete } from '@base-ui/react/autocomplete'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { cx } from '../ui/cx.ts'
import { Kbd } from '../ui/mono.tsx'
import { isTyping, usePageKeys } from './hotkeys.ts'
import { type JumpItem, type JumpSearch, useJumpSearch } from './use-jump-search.ts'

/** The one field of every page: type a person, a device or a file and go there. */
export function JumpField({
  searchUrl,
  className,
  onNavigate,
}: {
  searchUrl: string
  className?: string
  onNavigate?: () => void
}) {
  const t = useTranslations('shell')
  const router = useRouter()
  const [text, setText] = useState('')
  const { result, search } = useJumpSearch(searchUrl)

  function change(next: string, reason: string) {
    if (reason === 'item-press') return
    setText(next)
    search(next)
  }

  function go(item: JumpItem) {
    setText('')
    search('')
    onNavigate?.()
    router.push(item.href)
  }

  return (
    <search className={cx('relative block', className)}>
      <Autocomplete.Root
        items={result.items}
        value={text}
        onValueChange={(next, details) => change(next, details.reason)}
        itemToStringValue={(item) => item.title}
        filter={null}
        autoHighlight
      >
        <Autocomplete.Input
          data-jump-field
          aria-label={t('jump.label')}
          placeholder={t('jump.label')}
          className="h-[30px] w-full rounded-control border border-control bg-bg px-2.5 pr-12 max-md:h-11 max-md:text-[16px] max-md:pr-2.5"
        />
        <span aria-hidden className="pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 max-md:hidden">
          <Kbd>⌘K</Kbd>
        </span>
        <JumpResults text={text} result={result} onChoose={go} />
      </Autocomplete.Root>
    </search>
  )
}

function JumpResults({
  text,
  result,
  onChoose,
}: {
  text: string
  result: JumpSearch
  onChoose: (item: JumpItem) => void
}) {
  const t = useTranslations('shell')
  const said = {
    idle: '',
    searching: t('jump.searching'),
    failed: t('jump.failed'),
    done: t('jump.found', { count: result.items.length, text }),
  }
  return (
    <Autocomplete.Portal hidden={result.status === 'idle'}>
      <Autocomplete.Positioner sideOffset={4} align="start" className="z-50">
        <Autocomplete.Popup className="max-h-(--available-height) w-(--anchor-width) min-w-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop">
          <Autocomplete.Status className="px-2.5 py-1 text-tiny text-ink-3">{said[result.status]}</Autocomplete.Status>
          <Autocomplete.List>
            {(item: JumpItem) => (
              <Autocomplete.Item
                key={`${item.kind}:${item.id}`}
                value={item}
                onClick={() => onChoose(item)}
                className="flex cursor-pointer items-center gap-2 px-2.5 py-1.5 data-highlighted:bg-accent-soft max-md:min-h-11"
              >
                <span className="min-w-0 flex-1 truncate">
                  {item.title}
                  {item.subtitle && <span className="text-ink-2"> · {item.subtitle}</span>}
                </span>
                <span className="text-tiny text-ink-3">{kindWord(item.kind, t)}</span>
              </Autocomplete.Item>
            )}
          </Autocomplete.List>
        </Autocomplete.Popup>
      </Autocomplete.Positioner>
    </Autocomplete.Portal>
  )
}

function kindWord(kind: string, t: ReturnType<typeof useTranslations<'shell'>>): string {
  if (kind === 'person' || kind === 'device' || kind === 'file' || kind === 'page') return t(`jump.kind.${kind}`)
  return kind
}

/** `/` and ⌘K (Ctrl K) put the cursor into whichever field is on the screen. */
export function JumpHotkeys() {
  usePageKeys((event) => {
    const palette = event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)
    if (!palette && (event.key !== '/' || isTyping(event.target))) return false
    const field = [...document.querySelectorAll<HTMLInputElement>('input[data-jump-field]')].find(
      (input) => input.offsetParent,
    )
    field?.focus()
    field?.select()
    return field !== undefined
  })
  return null
}
