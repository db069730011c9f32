import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function AuditLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['audit', 'actions', 'names', 'exports']}>{children}</ClientMessages>
}
