import type { ReactNode } from 'react'
import { ClientMessages } from '../../../../i18n/client-messages.tsx'

export default function KeepingLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['keeping']}>{children}</ClientMessages>
}
