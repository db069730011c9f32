import type { ReactNode } from 'react'
import { Brand } from './brand.tsx'
import { LanguageLinks } from './preferences.tsx'

type Props = { title: ReactNode; intro?: ReactNode; wide?: boolean; foot?: ReactNode; children: ReactNode }

/** One card in the middle: sign-in, second factor, first setup. */
export function AuthShell({ title, intro, wide = false, foot, children }: Props) {
  return (
    <div className="flex min-h-dvh flex-col items-center px-4 py-8 sm:pt-[12vh]">
      <header className="mb-6">
        <Brand large />
      </header>
      <main id="content" className={`w-full ${wide ? 'max-w-xl' : 'max-w-sm'}`}>
        <div className="rounded-card border border-line bg-surface p-5 sm:p-6">
          <h1>{title}</h1>
          {intro && <p className="mt-0.5 mb-4 text-ink-2">{intro}</p>}
          <div className={intro ? '' : 'mt-4'}>{children}</div>
        </div>
        {foot && <div className="mt-3 text-center text-ink-2">{foot}</div>}
      </main>
      <footer className="mt-auto pt-8">
        <LanguageLinks />
      </footer>
    </div>
  )
}
