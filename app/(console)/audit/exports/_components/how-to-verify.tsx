import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { Code } from '#components/ui/mono.tsx'

/** What a bundle proves, and the line that checks it on any computer. */
export function HowToVerify({ vkey }: { vkey: string | null }) {
  const t = useTranslations('exports')
  const command = `npx gatehouse verify FILE.zip --key '${vkey ?? 'KEY'}'`
  return (
    <Card className="self-start">
      <Panel title={t('verify.title')} aside={<CopyButton value={command} label={t('verify.copy')} />}>
        <p className="mb-2 text-ink-2">{t('verify.text')}</p>
        <Code>{command}</Code>
        <p className="mt-2 text-ink-2">{t('verify.key')}</p>
        <p className="mt-2 text-ink-2">{t('verify.size')}</p>
        <p className="mt-2 text-ink-2">{t('verify.limits')}</p>
      </Panel>
    </Card>
  )
}
