import { useFormatter, useTranslations } from 'next-intl'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { Verification, VerificationRun } from '#server/audit/schema.ts'
import { VerifyForm } from '../verify-form.tsx'

/** The verification on request: how far it has come, or what the last one found, and the button for another one. */
export function VerifyPanel({ run }: { run: VerificationRun | null }) {
  const t = useTranslations('audit.trust')
  const isUnderWay = run?.state === 'queued' || run?.state === 'running'
  return (
    <>
      <h2 className="font-semibold">{t('verifyTitle')}</h2>
      <p className="mb-3 text-ink-2">{t('verifyText')}</p>
      {run && <div className="mb-3">{isUnderWay ? <UnderWay run={run} /> : <Ended run={run} />}</div>}
      {!isUnderWay && <VerifyForm />}
    </>
  )
}

function UnderWay({ run: { state, phase, checked, size, starts } }: { run: VerificationRun }) {
  const t = useTranslations('audit.trust.run')
  const format = useFormatter()
  const done = size === 0 ? 0 : checked / size
  return (
    <div role="status" className="text-ink-2">
      <p>{t(state === 'queued' ? 'queued' : phase)}</p>
      {state === 'running' && (
        <p className="mt-1 flex flex-wrap items-center gap-2">
          <progress aria-label={t('progress')} max={1} value={done} className="h-2 w-40 accent-accent" />
          <span className="tabular-nums">{format.number(done, { style: 'percent' })}</span>
          <span className="tabular-nums">{t('checked', { checked, size })}</span>
        </p>
      )}
      {starts > 1 && <p className="mt-1">{t('restarted', { count: starts - 1 })}</p>}
    </div>
  )
}

function Ended({ run: { result, problem, finishedAt } }: { run: VerificationRun }) {
  const t = useTranslations('audit.trust.run')
  return (
    <>
      <Notice tone={result?.ok ? 'ok' : 'danger'} announce>
        {result ? <Found verification={result} /> : t(`problem.${problem ?? 'failed'}`)}
      </Notice>
      <p className="mt-1 text-ink-2">
        {t.rich('finished', { at: () => <Time value={finishedAt} precision="second" /> })}
      </p>
    </>
  )
}

function Found({ verification }: { verification: Verification }) {
  const t = useTranslations('audit.trust')
  if (verification.ok) {
    const { size, personalChecked, tookMs } = verification
    return t('holds', { count: size, personal: personalChecked, seconds: (tookMs / 1_000).toFixed(1) })
  }
  const { code, index, until } = verification
  const [first, last] = [index ?? 0, until ?? index ?? 0]
  return t(`problem.${code}`, { index: first, until: last, span: first === last ? 'one' : 'several' })
}
