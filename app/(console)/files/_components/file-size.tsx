'use client'

import { useTranslations } from 'next-intl'
import { fileSize } from './size.ts'

export function FileSize({ bytes }: { bytes: number }) {
  const t = useTranslations('files.size')
  const { unit, value } = fileSize(bytes)
  return t(unit, { value })
}
