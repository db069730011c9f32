import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { getDevice, getWipe } from '#server/devices/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { ReceiptCard } from '../_components/receipt-card.tsx'
import { WipeActs } from '../_components/wipe-acts.tsx'
import { WipeFacts } from '../_components/wipe-facts.tsx'
import { WipeSentence } from '../_components/wipe-sentence.tsx'
import { WipeStateTag } from '../_components/wipe-state.tsx'
import { WipeSteps } from '../_components/wipe-steps.tsx'
import { WipeTimeline } from '../_components/wipe-timeline.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('wipe'))('one') }
}

export default async function WipePage({ params }: { params: Promise<{ wipeId: string }> }) {
  const t = await getTranslations('wipe')
  const [{ actor, organisation }, { wipeId }] = await Promise.all([pageSignedIn(), params])
  const list = { label: t('title'), href: '/wipes' }
  if (!actor.permissions.has('devices:read')) {
    return (
      <Page crumbs={[{ label: organisation.name }, list]}>
        <NotPermitted permission="devices:read" />
      </Page>
    )
  }
  const wipe = await wipeOr404(actor, wipeId)
  const device = await getDevice(actor, { deviceId: wipe.deviceId })
  return (
    <Page
      crumbs={[{ label: organisation.name }, list, { label: wipe.deviceName }]}
      title={t('of', { device: wipe.deviceName })}
      sub={<WipeStateTag state={wipe.state} />}
      width="narrow"
    >
      <LiveRefresh url="/api/live?topics=device,wipe,brake,presence" />
      <Card>
        <Panel>
          <p aria-live="polite">
            <WipeSentence wipe={wipe} device={device} now={new Date()} />
          </p>
          <WipeSteps wipe={wipe} />
          <WipeActs wipe={wipe} actor={actor} />
          <WipeFacts wipe={wipe} />
        </Panel>
      </Card>
      {wipe.receipt && <ReceiptCard wipeId={wipe.id} receipt={wipe.receipt} />}
      <WipeTimeline wipe={wipe} />
    </Page>
  )
}

async function wipeOr404(actor: Actor, wipeId: string) {
  return getWipe(actor, { wipeId }).catch((error: unknown) => {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  })
}
