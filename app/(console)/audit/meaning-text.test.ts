import { createTranslator } from 'use-intl/core'
import { describe, expect, it } from 'vitest'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { describeQuery } from '#protocol/audit/query-describe.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { meaningText } from './_meaning-text.ts'

function meaningOf(q: string, locale: 'en' | 'zh' = 'en', label?: string) {
  const messages = { en, zh }[locale]
  const words = {
    audit: createTranslator({ locale, messages, namespace: 'audit' }),
    actions: createTranslator({ locale, messages, namespace: 'actions' }),
    common: createTranslator({ locale, messages, namespace: 'common' }),
  }
  return meaningText(
    words,
    describeQuery(parseQuery(q), () => label),
  )
}

describe('what a query means', () => {
  it('is a sentence in the reader’s language', () => {
    expect(meaningOf('')).toBe(en.audit.meaning.all)
    expect(meaningOf('outcome:denied (board OR -plan)')).toMatch(/“denied”.*\(.*“board”.*“plan”\)$/i)
    expect(meaningOf('outcome:denied', 'zh')).toBe('结果为“已拒绝”')
    expect(meaningOf('source:device -actor:System', 'zh')).toBe('来源为“设备”且操作者不是“Gatehouse 系统”')
  })

  it('spells out what would reorder it, in values and in names', () => {
    expect(meaningOf('"invoice\u202efdp.exe"')).toContain('“invoice\\u{202e}fdp.exe”')
    expect(meaningOf('actor:x', 'en', 'Ann\u2066')).toContain('“Ann\\u{2066}”')
  })
})
