'use client'

import { Check, Copy } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from './button.tsx'

/** Copies `value`. `label` says what, for screen readers and as the button's word. */
export function CopyButton({ value, label, small = false }: { value: string; label?: string; small?: boolean }) {
  const t = useTranslations('common')
  const [copied, setCopied] = useState(false)

  async function copy() {
    try {
      await navigator.clipboard.writeText(value)
      setCopied(true)
      setTimeout(() => setCopied(false), 2_000)
    } catch {
      toast.error(t('copyFailed'))
    }
  }

  const Icon = copied ? Check : Copy
  return (
    <Button size={small ? 'small' : 'medium'} onClick={copy}>
      <Icon aria-hidden className="size-3.5" />
      <span aria-live="polite">{copied ? t('copied') : (label ?? t('copy'))}</span>
    </Button>
  )
}
