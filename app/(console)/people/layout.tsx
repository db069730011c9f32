import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function PeopleLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['people']}>{children}</ClientMessages>
}
