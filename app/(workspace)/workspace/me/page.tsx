import { cookies } from 'next/headers'
import { parseTheme, THEME_COOKIE } from '../../../../i18n/locales.ts'
import { MeScreen } from '../_components/me-screen.tsx'
import { WhenServed } from '../_components/when-served.tsx'

export default async function MePage() {
  const theme = parseTheme((await cookies()).get(THEME_COOKIE)?.value)
  return (
    <WhenServed person={null} evenHeld>
      <MeScreen theme={theme} />
    </WhenServed>
  )
}
