import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function TrustLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['audit', 'trust']}>{children}</ClientMessages>
}
