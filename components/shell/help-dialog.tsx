'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Dialog } from '../ui/dialog.tsx'
import { Kbd } from '../ui/mono.tsx'
import { isCovered, isTyping, usePageKeys } from './hotkeys.ts'

const keys = [
  { key: 'jump', caps: ['⌘K'] },
  { key: 'search', caps: ['/'] },
  { key: 'rows', caps: ['j', 'k'] },
  { key: 'open', caps: ['Enter'] },
  { key: 'select', caps: ['x'] },
  { key: 'close', caps: ['Esc'] },
  { key: 'help', caps: ['?'] },
] as const

/** What the keys do, on `?`. */
export function HelpDialog() {
  const t = useTranslations('shell')
  const [open, setOpen] = useState(false)
  usePageKeys((event) => {
    if (event.key !== '?' || isTyping(event.target) || isCovered()) return false
    setOpen(true)
    return true
  })
  return (
    <Dialog title={t('help.title')} open={open} onOpenChange={setOpen}>
      <dl className="grid grid-cols-[1fr_auto] gap-y-2">
        {keys.map(({ key, caps }) => (
          <div key={key} className="contents">
            <dt>{t(`help.${key}`)}</dt>
            <dd className="flex gap-1">
              {caps.map((cap) => (
                <Kbd key={cap}>{cap}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
