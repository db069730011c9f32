import { AuthShell } from '#components/shell/auth-shell.tsx'
import { Button } from '#components/ui/button.tsx'
import { Link } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { LogSample } from './log-sample.tsx'
import { PieceSamples } from './piece-samples.tsx'
import { ShellSample } from './shell-sample.tsx'
import { SignInForm } from './sign-in-form.tsx'
import { WipeSample } from './wipe-sample.tsx'

export function Gallery({ part }: { part: string }) {
  if (part === 'auth') {
    return (
      <AuthShell
        title="Sign in"
        intro="to Harbour Trading"
        foot={<Link href="/gallery">Lost your second factor?</Link>}
      >
        <SignInForm />
      </AuthShell>
    )
  }
  return <ShellSample>{part === 'wipe' ? <WipeSample /> : <LogPage />}</ShellSample>
}

function LogPage() {
  return (
    <Page
      crumbs={[{ label: 'Harbour Trading' }, { label: 'Audit log' }]}
      title="Audit log"
      sub="Every sensitive operation, in the order it was recorded."
      actions={
        <>
          <span className="self-center">
            <Tag tone="ok">Intact — 51,204,118 events, witnessed 2 min ago</Tag>
          </span>
          <Button>Save view</Button>
          <Button disabledReason="Exports need the permission audit:export">Export…</Button>
        </>
      }
    >
      <LogSample />
      <PieceSamples />
    </Page>
  )
}
