import type { ReactNode } from 'react'
import { ClientMessages } from '../../../../../i18n/client-messages.tsx'

export default function WhoSawLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['files', 'audit', 'whoSaw']}>{children}</ClientMessages>
}
