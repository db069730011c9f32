import { createTranslator } from 'use-intl/core'
import { expect, it } from 'vitest'
import { messages as zh } from '#messages/zh.ts'
import { refusalWords } from './_seal-refusal.ts'

const words = {
  seal: createTranslator({ locale: 'zh', messages: zh, namespace: 'whoSaw.seal' }),
  errors: createTranslator({ locale: 'zh', messages: zh, namespace: 'errors' }),
}
const problem = (code: string, detail: string) => refusalWords(words, { code, detail, requestId: 'R-1' })

it('a report that is refused says why in the reader’s language', () => {
  expect(problem('unavailable', 'Other reports are being made.')).toBe(zh.whoSaw.seal.refused.busy)
  expect(problem('conflict', 'The log cannot be signed now: see the Trust page.')).toBe(zh.whoSaw.seal.refused.unsigned)
  expect(problem('conflict', 'Entry 1234 of the log is not the one that was recorded: see the Trust page.')).toContain(
    '1,234',
  )
  expect(problem('forbidden', 'This needs the permission audit:export.')).toBe(zh.errors.code.forbidden)
  expect(problem('internal', 'Something went wrong on our side.')).toContain('R-1')
  expect(problem('of_a_proxy', 'Bad gateway')).toBe('Bad gateway')
})
