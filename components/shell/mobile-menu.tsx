'use client'

import { Dialog } from '@base-ui/react/dialog'
import { Menu as MenuIcon, X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { AccountMenu, type AccountMenuProps } from './account-menu.tsx'
import { Brand } from './brand.tsx'
import { JumpField } from './jump-field.tsx'
import type { NavGroup } from './nav.ts'
import { SideNav } from './side-nav.tsx'

/** On a phone: everything of the frame behind one button. */
export function MobileMenu({
  nav,
  searchUrl,
  account,
}: {
  nav: NavGroup[]
  searchUrl: string
  account: AccountMenuProps
}) {
  const t = useTranslations('shell')
  const [open, setOpen] = useState(false)
  const close = () => setOpen(false)
  return (
    <Dialog.Root open={open} onOpenChange={(next) => setOpen(next)}>
      <Dialog.Trigger
        aria-label={t('menu.open')}
        className="relative z-30 grid size-11 place-items-center text-ink-2 md:hidden"
      >
        <MenuIcon aria-hidden className="size-5" />
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-backdrop" />
        <Dialog.Popup className="fixed inset-y-0 right-0 z-50 flex w-72 max-w-[85vw] flex-col overflow-y-auto border-l border-line bg-bg px-2 py-2 shadow-pop">
          <div className="flex items-center gap-2 px-2">
            <Dialog.Title className="flex-1">
              <Brand />
            </Dialog.Title>
            <AccountMenu {...account} />
            <Dialog.Close aria-label={t('menu.close')} className="grid size-11 place-items-center text-ink-2">
              <X aria-hidden className="size-5" />
            </Dialog.Close>
          </div>
          <JumpField searchUrl={searchUrl} className="mx-2 my-2" onNavigate={close} />
          <SideNav groups={nav} onNavigate={close} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
