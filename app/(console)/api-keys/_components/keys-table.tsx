'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable } from '#components/table/data-table.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { ApiKeyState, ApiKeyView } from '#server/identity/schema.ts'
import { revoke } from '../actions.ts'

const TONES: Record<ApiKeyState, Tone> = { active: 'ok', revoked: 'neutral', maker_suspended: 'warn' }

function Head({ name }: { name: 'name' | 'hint' | 'scopes' | 'state' | 'maker' | 'used' | 'acts' }) {
  const t = useTranslations('keys')
  return t(`column.${name}`)
}

function State({ apiKey }: { apiKey: ApiKeyView }) {
  const t = useTranslations('keys')
  return <Tag tone={TONES[apiKey.state]}>{t(`state.${apiKey.state}`)}</Tag>
}

function Maker({ apiKey }: { apiKey: ApiKeyView }) {
  const t = useTranslations('keys')
  return apiKey.createdBy?.name ?? t('onServer')
}

function Revoke({ apiKey }: { apiKey: ApiKeyView }) {
  const t = useTranslations('keys')
  if (apiKey.state === 'revoked') return null
  const label = t('revokeOf', { name: apiKey.name })
  return (
    <FormShell action={revoke.bind(null, apiKey.id)} className="relative z-10">
      <SubmitButton variant="default" size="small" aria-label={label}>
        {t('revoke')}
      </SubmitButton>
    </FormShell>
  )
}

const column = columnsOf<ApiKeyView>()
const columns = [
  column.accessor('name', { header: () => <Head name="name" />, meta: { className: 'max-w-56' } }),
  column.accessor('hint', {
    header: () => <Head name="hint" />,
    cell: (info) => <Mono>{`gh_…${info.getValue()}`}</Mono>,
    meta: { phone: 'hidden' },
  }),
  column.accessor('scopes', {
    header: () => <Head name="scopes" />,
    cell: (info) => <Mono>{info.getValue().join(' ')}</Mono>,
    meta: { className: 'max-w-80' },
  }),
  column.accessor('state', {
    header: () => <Head name="state" />,
    cell: (info) => <State apiKey={info.row.original} />,
    meta: { phone: 'aside' },
  }),
  column.display({
    id: 'maker',
    header: () => <Head name="maker" />,
    cell: (info) => <Maker apiKey={info.row.original} />,
    meta: { phone: 'hidden' },
  }),
  column.accessor('lastUsedAt', {
    header: () => <Head name="used" />,
    cell: (info) => <RelativeTime value={info.getValue()} />,
  }),
  column.display({
    id: 'acts',
    header: () => <Head name="acts" />,
    cell: (info) => <Revoke apiKey={info.row.original} />,
    meta: { phone: 'aside' },
  }),
]

export function KeysTable({ keys }: { keys: ApiKeyView[] }) {
  const t = useTranslations('keys')
  return (
    <DataTable<ApiKeyView>
      label={t('title')}
      columns={columns}
      rows={keys}
      rowId={({ id }) => id}
      rowLabel={({ name }) => name}
      empty={<EmptyState title={t('empty')} text={t('emptyText')} />}
    />
  )
}
