import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { Code } from '#components/ui/mono.tsx'
import type { EpochView } from '#server/audit/schema.ts'

type Props = { place: string; vkey: string; hasOwnAuthority: boolean }

/** The commands that check this log without us, ready to be pasted. */
export function OutsideCard({ place, vkey, hasOwnAuthority }: Props) {
  const t = useTranslations('trust.command')
  const audit = useTranslations('audit.trust')
  // The gateway's own authority is known to nobody else.
  const command = `npx gatehouse verify ${place} --key '${vkey}'${hasOwnAuthority ? ' --ca ca.pem' : ''}`
  return (
    <Card className="lg:col-span-2">
      <Panel title={audit('outside')}>
        <p className="mb-2 text-ink-2">{audit('outsideText')}</p>
        <Pasted text={command} />
        <p className="mt-3 mb-2 text-ink-2">{t('against')}</p>
        <Pasted text={`${command} --against checkpoint.txt`} />
        <p className="mt-3 mb-2 text-ink-2">{t('browser')}</p>
        <Pasted text={`${place}/checkpoint`} />
      </Panel>
    </Card>
  )
}

function Pasted({ text }: { text: string }) {
  return (
    <>
      <Code>{text}</Code>
      <div className="mt-1">
        <CopyButton value={text} small />
      </div>
    </>
  )
}

/** The epochs that were declared; nothing for a log that never forked. */
export function EpochsCard({ epochs }: { epochs: EpochView[] }) {
  const t = useTranslations('trust.epochs')
  if (epochs.length === 0) return null
  return (
    <Card className="lg:col-span-2">
      <Panel title={t('title')}>
        <ul className="mt-1">
          {epochs.map(({ epoch, firstIndex, agreedSize }) => (
            <li key={epoch} className="text-ink-2">
              {t('line', { epoch, first: firstIndex, agreed: agreedSize })}
            </li>
          ))}
        </ul>
      </Panel>
    </Card>
  )
}
