'use client'

import { useLocale, useTranslations } from 'next-intl'
import { useRef } from 'react'
import { Avatar } from '../ui/avatar.tsx'
import { Menu, MenuChoice, MenuItem, MenuLine, MenuLink } from '../ui/menu.tsx'
import { applyTheme, languages, type Theme } from './preference-cookie.ts'
import { useChooseLanguage } from './preferences.tsx'

export type Organisation = { id: string; name: string }

export type AccountMenuProps = {
  person: { name: string; email: string }
  accountHref: string
  theme: Theme
  organisation: Organisation
  /** All that the person belongs to; with one there is no switcher. */
  organisations: Organisation[]
  /** Receives `organisationId`. */
  switchAction: (data: FormData) => Promise<void>
  /** Where the sign-out form posts to; the answer must be a full navigation. */
  signOutAction: string | (() => Promise<void>)
}

export function AccountMenu(props: AccountMenuProps) {
  const t = useTranslations('shell')
  const signOut = useRef<HTMLFormElement>(null)
  return (
    <>
      <Menu
        label={t('account.menu', { name: props.person.name })}
        trigger={
          <button type="button" className="rounded-full">
            <Avatar name={props.person.name} />
          </button>
        }
      >
        <p className="px-3 py-1.5">
          <b className="block">{props.person.name}</b>
          <span className="text-ink-2">{props.person.email}</span>
        </p>
        <MenuLine />
        <Organisations {...props} />
        <ThemeChoice theme={props.theme} />
        <LanguageChoice />
        <MenuLine />
        <MenuLink href={props.accountHref}>{t('account.settings')}</MenuLink>
        <MenuItem onSelect={() => signOut.current?.requestSubmit()}>{t('account.signOut')}</MenuItem>
      </Menu>
      <form ref={signOut} hidden {...signOutTarget(props.signOutAction)} />
    </>
  )
}

export function signOutTarget(action: AccountMenuProps['signOutAction']) {
  return typeof action === 'string' ? { action, method: 'post' as const } : { action }
}

function Organisations({ organisation, organisations, switchAction }: AccountMenuProps) {
  const t = useTranslations('shell')
  if (organisations.length < 2) return null
  function change(id: string) {
    const data = new FormData()
    data.set('organisationId', id)
    if (id !== organisation.id) void switchAction(data)
  }
  return (
    <>
      <MenuChoice
        label={t('account.organisation')}
        value={organisation.id}
        onChange={change}
        options={organisations.map(({ id, name }) => ({ value: id, label: name }))}
      />
      <MenuLine />
    </>
  )
}

function ThemeChoice({ theme }: { theme: Theme }) {
  const t = useTranslations('shell')
  const themes: Theme[] = ['system', 'light', 'dark']
  return (
    <MenuChoice
      label={t('account.theme')}
      value={shownTheme(theme)}
      onChange={(next) => applyTheme(themes.find((known) => known === next) ?? 'system')}
      options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))}
    />
  )
}

/** What the page shows now: the server's word may be older than the last choice. */
function shownTheme(fromServer: Theme): Theme {
  if (typeof document === 'undefined') return fromServer
  const shown = document.documentElement.dataset.theme
  return shown === 'light' || shown === 'dark' ? shown : 'system'
}

function LanguageChoice() {
  const t = useTranslations('shell')
  return (
    <MenuChoice
      label={t('account.language')}
      value={useLocale()}
      onChange={useChooseLanguage()}
      options={languages.map(({ locale, name }) => ({ value: locale, label: <span lang={locale}>{name}</span> }))}
    />
  )
}
