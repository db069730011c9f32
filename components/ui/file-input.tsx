'use client'

import { useTranslations } from 'next-intl'
import { type ComponentProps, useEffect, useRef, useState } from 'react'
import { buttonClass } from './button-class.ts'
import { cx } from './cx.ts'
import { controlClass } from './input.tsx'

type Props = Omit<ComponentProps<'input'>, 'type' | 'multiple' | 'className'>

/**
 * One file, chosen or dropped. The browser's own control lies over it unseen, since its words are the browser's language and not
 * the page's; it takes every click, key and drop, and speaks to screen readers.
 */
export function FileInput({ onChange, ...rest }: Props) {
  const t = useTranslations('common')
  const input = useRef<HTMLInputElement>(null)
  const [name, setName] = useState<string>()
  useEffect(() => {
    const form = input.current?.form
    const forget = () => setName(undefined)
    form?.addEventListener('reset', forget)
    return () => form?.removeEventListener('reset', forget)
  }, [])
  return (
    <span
      className={cx(
        controlClass,
        'relative flex min-w-0 items-center gap-2.5 has-aria-invalid:border-danger has-focus-visible:outline-2 has-focus-visible:outline-accent',
      )}
    >
      <input
        ref={input}
        type="file"
        className="absolute inset-0 size-full cursor-pointer opacity-0"
        onChange={(event) => {
          setName(event.currentTarget.files?.[0]?.name)
          onChange?.(event)
        }}
        {...rest}
      />
      <span aria-hidden className={buttonClass('default', 'small')}>
        {t('file.choose')}
      </span>
      <span aria-hidden className={cx('min-w-0 truncate', name === undefined && 'text-ink-3')}>
        {name ?? t('file.none')}
      </span>
    </span>
  )
}
