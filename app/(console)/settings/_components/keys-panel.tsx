import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Button } from '#components/ui/button.tsx'
import { Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { type KeysView, keyCan, type RotationState, type RotationView } from '#server/tenants/schema.ts'
import { RotateForm } from './rotate-form.tsx'

const TONES: Record<RotationState, Tone> = { running: 'violet', done: 'ok', blocked: 'danger' }

/** What wraps what, how old it is, and a rotation as it goes on. */
export async function KeysPanel({ keys }: { keys: KeysView }) {
  const t = await getTranslations('settings.keys')
  const { master, data, rotation } = keys
  const may = keyCan.rotate(keys)
  return (
    <Panel
      title={t('title')}
      aside={rotation && <Tag tone={TONES[rotation.state]}>{t(`state.${rotation.state}`)}</Tag>}
    >
      <LiveRefresh url="/api/live?topics=key" />
      <p className="text-ink-2">{t('intro')}</p>
      <DefinitionList
        items={[
          { term: t('master'), value: t(`provider.${master.provider}`) },
          { term: t('masterId'), value: <Mono className="break-all">{master.id}</Mono> },
          { term: t('dataKey'), value: <Mono className="break-all">{data.id}</Mono> },
          { term: t('since'), value: <Time value={data.createdAt} precision="minute" /> },
          { term: t('older'), value: data.older > 0 && t('olderText', { count: data.older }) },
        ].filter(({ value }) => value !== false)}
      />
      {master.isMoving && (
        <Notice className="mb-3">
          {t('moving')} <Mono>gatehouse keys rotate master</Mono>
        </Notice>
      )}
      {rotation && <Rotation rotation={rotation} />}
      <p className="mb-3 text-ink-2">{t('consequence')}</p>
      {may === true ? (
        <RotateForm />
      ) : (
        <Button variant="primary" disabledReason={t(`refused.${may}`)}>
          {t('rotate')}
        </Button>
      )}
    </Panel>
  )
}

async function Rotation({ rotation }: { rotation: RotationView }) {
  const t = await getTranslations('settings.keys')
  const { state, done, total, damaged, startedBy, startedAt, finishedAt } = rotation
  return (
    <div className="mb-3" aria-live="polite">
      {state === 'running' && (
        <progress
          className="block h-1.5 w-full accent-accent"
          value={done}
          max={Math.max(total, 1)}
          aria-label={t('rotation')}
        />
      )}
      {state === 'blocked' ? (
        <Notice tone="danger">{t('blocked', { count: damaged })}</Notice>
      ) : (
        <p className="tabular-nums">{t(state === 'done' ? 'completed' : 'progress', { done, total })}</p>
      )}
      <p className="text-ink-3">
        {t('startedBy', { name: startedBy })} <Time value={startedAt} precision="second" />
        {finishedAt && (
          <>
            {' → '}
            <Time value={finishedAt} precision="second" />
          </>
        )}
      </p>
    </div>
  )
}
