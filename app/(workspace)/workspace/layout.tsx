import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { ClientMessages } from '../../../i18n/client-messages.tsx'
import packageJson from '../../../package.json' with { type: 'json' }
import { RegisterWorker } from './_agent/register-worker.tsx'
import { WorkspaceProvider } from './_agent/workspace-provider.tsx'
import { WorkspaceShell } from './_components/workspace-shell.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return {
    title: (await getTranslations('workspace'))('title'),
    manifest: '/workspace/manifest.webmanifest',
    appleWebApp: { capable: true, title: 'Gatehouse' },
    // Naming one kind of icon here replaces the other that the root has.
    icons: { icon: '/icon.svg', apple: '/workspace/icon-180.png' },
  }
}

/** The place of people who hold a device. What it shows comes by the device's own keys; no session is asked for here. */
export default function WorkspaceLayout({ children }: { children: ReactNode }) {
  return (
    <ClientMessages areas={['workspace', 'actions', 'names']}>
      <WorkspaceProvider appVersion={packageJson.version}>
        <RegisterWorker />
        <WorkspaceShell>{children}</WorkspaceShell>
      </WorkspaceProvider>
    </ClientMessages>
  )
}
