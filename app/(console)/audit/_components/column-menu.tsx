'use client'

import { Menu as Base } from '@base-ui/react/menu'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { buttonClass } from '#components/ui/button-class.ts'
import { Menu } from '#components/ui/menu.tsx'
import { COLUMNS, type ColumnName, USUAL_COLUMNS } from '../_columns.ts'
import { type AuditParams, auditHref } from '../search-params.ts'

/** Which columns the list has; kept in its address and in saved views. */
export function ColumnMenu({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const router = useRouter()
  const shown = params.cols ?? USUAL_COLUMNS
  const toggle = (name: ColumnName) => {
    const cols = COLUMNS.filter((column) => shown.includes(column) !== (column === name))
    router.replace(auditHref(params, { cols }, window.location.pathname), { scroll: false })
  }
  return (
    <Menu
      label={t('columns.label')}
      trigger={
        <button type="button" className={buttonClass('ghost', 'small')}>
          {t('columns.label')}
        </button>
      }
    >
      {COLUMNS.filter((name) => name !== 'time').map((name) => (
        <Base.CheckboxItem
          key={name}
          checked={shown.includes(name)}
          onCheckedChange={() => toggle(name)}
          closeOnClick={false}
          className="flex w-full cursor-pointer items-center gap-2 px-3 py-1.5 text-left outline-none data-highlighted:bg-accent-soft max-md:min-h-11"
        >
          <span aria-hidden className="w-3">
            {shown.includes(name) && '✓'}
          </span>
          {t(`column.${name}`)}
        </Base.CheckboxItem>
      ))}
    </Menu>
  )
}
