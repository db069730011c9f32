import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Button } from '#components/ui/button.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { listOwnDevices } from '#server/devices/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { LostDevice } from './_components/lost-device.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('workspace'))('lost.title') }
}

/** From any browser, after password and factor: the person's own devices, to stop one or to erase it. */
export default async function LostPage() {
  const t = await getTranslations('workspace')
  const { actor, organisation } = await pageSignedIn()
  const devices = await listOwnDevices(actor, {})
  return (
    <AuthShell
      wide
      title={t('lost.title')}
      intro={t('lost.intro', { organisation: organisation.name })}
      foot={
        <form action="/sign-out" method="post">
          <Button type="submit" variant="ghost">
            {t('lost.signOut')}
          </Button>
        </form>
      }
    >
      <LiveRefresh url="/api/live?topics=device,wipe,presence" />
      {devices.length === 0 ? (
        <EmptyState title={t('lost.none')} text={t('lost.noneText')} />
      ) : (
        <ul aria-label={t('lost.title')}>
          {devices.map((device) => (
            <LostDevice key={device.id} device={device} />
          ))}
        </ul>
      )}
    </AuthShell>
  )
}
