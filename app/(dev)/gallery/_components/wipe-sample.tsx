import { Button } from '#components/ui/button.tsx'
import { FactList } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { WipeForm } from './wipe-form.tsx'

export function WipeSample() {
  return (
    <Page
      crumbs={[{ label: 'Harbour Trading' }, { label: 'Devices', href: '/gallery' }, { label: 'HT-IOS-2204' }]}
      monoTitle
      title="Erase work data?"
      sub="It belongs to the field sales group and was last seen 37 minutes ago, offline since."
      width="narrow"
    >
      <Notice className="mb-4">
        Blocked at 02:11 by you. Its vault cannot be unlocked again; it may stay open until 04:20 at the latest.
      </Notice>
      <FactList
        items={[
          { title: 'Will be erased', text: '412 files · 86 MB · 2 sessions, when it connects' },
          { title: 'Will not', text: '3 files downloaded out of the vault; mail; other apps' },
          { title: 'Kept', text: 'Its history, 18,204 audit entries, this request' },
        ]}
      />
      <WipeForm />
      <Button size="large" className="mt-2">
        Leave it blocked
      </Button>
    </Page>
  )
}
