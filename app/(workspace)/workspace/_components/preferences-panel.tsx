'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { applyTheme, type Theme } from '#components/shell/preference-cookie.ts'
import { LanguageLinks } from '#components/shell/preferences.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Segmented } from '#components/ui/segmented.tsx'

const THEMES: Theme[] = ['system', 'light', 'dark']

export function PreferencesPanel({ theme }: { theme: Theme }) {
  const t = useTranslations('workspace')
  const shell = useTranslations('shell')
  const [chosen, setChosen] = useState(theme)
  function choose(value: string) {
    const next = THEMES.find((known) => known === value) ?? 'system'
    setChosen(next)
    applyTheme(next)
  }
  return (
    <Card>
      <Panel title={t('me.look')}>
        <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
          <LanguageLinks />
          <Segmented
            name="theme"
            label={shell('account.theme')}
            value={chosen}
            onValueChange={choose}
            options={THEMES.map((value) => ({ value, label: shell(`theme.${value}`) }))}
          />
        </div>
      </Panel>
    </Card>
  )
}
