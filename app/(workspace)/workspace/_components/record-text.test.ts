import { createTranslator } from 'use-intl/core'
import { describe, expect, it } from 'vitest'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import type { OwnRecord } from '#protocol/device/person.ts'
import { type RecordWords, recordParts } from './record-text.ts'

function words(locale: 'en' | 'zh'): RecordWords {
  const of = (namespace: 'names' | 'workspace') =>
    createTranslator({ locale, messages: { en, zh }[locale], namespace }) as never
  return { names: of('names'), workspace: of('workspace') }
}

const parts = (locale: 'en' | 'zh', more: Partial<OwnRecord>) =>
  recordParts(words(locale), { by: 'Ana', byKind: 'person', target: null, device: null, ...more } as OwnRecord)

describe('a line of what was recorded about oneself', () => {
  it('names parts of the product as the audit log does, and nobody else who is called so', () => {
    expect(parts('en', { by: 'brake', byKind: 'system', device: 'Phone' })).toEqual(['The brake', 'Phone'])
    expect(parts('zh', { by: 'brake', byKind: 'system' })).toEqual(['安全闸'])
    expect(parts('en', { by: 'brake' })).toEqual(['brake'])
  })

  it('says what acted where it has no name', () => {
    for (const byKind of ['person', 'device', 'api_key', 'system', 'scim'])
      expect(parts('en', { by: null, byKind })).toEqual([expect.stringMatching(/^[A-Z]/)])
  })

  it('says nothing twice, and spells out what hides or reorders', () => {
    expect(parts('en', { target: 'Ana', device: 'Phone' })).toEqual(['Ana', 'Phone'])
    expect(parts('en', { target: 'a\u202efdp.exe' })).toEqual(['Ana', 'a\\u{202e}fdp.exe'])
  })
})
