import type { ReactNode } from 'react'
import { ClientMessages } from '../../../../i18n/client-messages.tsx'

export default function ImportLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['imports']}>{children}</ClientMessages>
}
