import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function WipesLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['wipe']}>{children}</ClientMessages>
}
