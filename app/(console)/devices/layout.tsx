import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function DevicesLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['devices', 'wipe']}>{children}</ClientMessages>
}
