'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { cx } from '../ui/cx.ts'
import { Kbd } from '../ui/mono.tsx'
import { useListbox } from '../ui/use-listbox.ts'
import { isTyping, usePageKeys } from './hotkeys.ts'
import { type JumpItem, useJumpSearch } from './use-jump-search.ts'

type Props = { searchUrl: string; className?: string; onNavigate?: () => void }

/** The one field of every page: type a person, a device or a file and go there. */
export function JumpField({ searchUrl, className, onNavigate }: Props) {
  const t = useTranslations('shell')
  const router = useRouter()
  const [text, setText] = useState('')
  const [open, setOpen] = useState(false)
  const { result, search } = useJumpSearch(searchUrl)
  const list = useListbox({
    count: result.items.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => go(result.items[index]),
  })

  function change(next: string) {
    setText(next)
    setOpen(true)
    list.resetMark()
    search(next)
  }

  function go(item: JumpItem | undefined) {
    if (!item) return
    change('')
    setOpen(false)
    onNavigate?.()
    router.push(item.href)
  }

  const said = {
    idle: '',
    searching: t('jump.searching'),
    failed: t('jump.failed'),
    done: t('jump.found', { count: result.items.length, text }),
  }
  return (
    <search className={cx('relative block', className)}>
      <input
        type="text"
        data-jump-field
        aria-label={t('jump.label')}
        placeholder={t('jump.label')}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
        onFocus={() => setOpen(text !== '')}
        className="h-[30px] w-full rounded-control border border-control bg-bg px-2.5 pr-12 max-md:h-11 max-md:pr-2.5 max-md:text-[16px]"
        {...list.inputProps}
      />
      <span aria-hidden className="pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 max-md:hidden">
        <Kbd>⌘K</Kbd>
      </span>
      <div
        className={cx(
          'absolute inset-x-0 top-full z-30 mt-1 max-h-[60dvh] overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop',
          (!open || result.status === 'idle') && 'hidden',
        )}
      >
        <p role="status" className="px-2.5 py-1 text-tiny text-ink-3">
          {said[result.status]}
        </p>
        {result.items.length > 0 && (
          <ul {...list.listProps} aria-label={t('jump.label')}>
            {result.items.map((item, index) => (
              <li
                key={`${item.kind}:${item.id}`}
                {...list.optionProps(index)}
                className="flex cursor-pointer items-center gap-2 px-2.5 py-1.5 aria-selected:bg-accent-soft max-md:min-h-11"
              >
                <span className="min-w-0 flex-1 truncate">
                  {item.title}
                  {item.subtitle && <span className="text-ink-2"> · {item.subtitle}</span>}
                </span>
                <KindWord kind={item.kind} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </search>
  )
}

function KindWord({ kind }: { kind: string }) {
  const t = useTranslations('shell.jump.kind')
  const known = kind === 'person' || kind === 'device' || kind === 'file' || kind === 'page'
  return <span className="text-tiny text-ink-2">{known ? t(kind) : kind}</span>
}

const JUMP = 'input[data-jump-field]'
/** The search that a page itself is about. */
const PAGE_SEARCH = 'input[data-page-search]'

/** ⌘K (Ctrl K) puts the cursor into whichever of these fields is on the screen; `/` into the page's own search, where it has one. */
export function JumpHotkeys() {
  usePageKeys((event) => {
    const palette = event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)
    if (!palette && (event.key !== '/' || isTyping(event.target))) return false
    const field = palette ? shown(JUMP) : (shown(PAGE_SEARCH) ?? shown(JUMP))
    field?.focus()
    field?.select()
    return field !== undefined
  })
  return null
}

function shown(fields: string): HTMLInputElement | undefined {
  return [...document.querySelectorAll<HTMLInputElement>(fields)].find((input) => input.offsetParent)
}
