import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function ApiKeysLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['keys']}>{children}</ClientMessages>
}
