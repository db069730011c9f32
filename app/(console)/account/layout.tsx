import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function AccountLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['auth']}>{children}</ClientMessages>
}
