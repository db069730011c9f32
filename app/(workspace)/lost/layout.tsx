import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function LostLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['workspace', 'wipe']}>{children}</ClientMessages>
}
