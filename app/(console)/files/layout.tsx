import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'

export default function FilesLayout({ children }: { children: ReactNode }) {
  return <ClientMessages areas={['files']}>{children}</ClientMessages>
}
