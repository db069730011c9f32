import { describe, expect, it } from 'vitest'
import { complete, fieldCompletions, valueCompletions, wordAt } from './_completion.ts'

const en = (field: string) => ({ actor: 'actor', device: 'device' })[field] ?? field
const zh = (field: string) => ({ actor: '操作者', device: '设备' })[field] ?? field

describe('the word at the caret', () => {
  it.each([
    ['merger act', 10, { start: 7, end: 10, sign: '', field: null, value: 'act' }],
    ['-outcome:den x', 12, { start: 0, end: 12, sign: '-', field: 'outcome', value: 'den' }],
    ['(actor:"Lin We', 14, { start: 1, end: 14, sign: '', field: 'actor', value: 'Lin We' }],
    ['actor:"Lin Wei" a', 17, { start: 16, end: 17, sign: '', field: null, value: 'a' }],
    ['colour:re', 9, { start: 0, end: 9, sign: '', field: null, value: 'colour:re' }],
    ['截屏', 2, { start: 0, end: 2, sign: '', field: null, value: '截屏' }],
    ['', 0, { start: 0, end: 0, sign: '', field: null, value: '' }],
  ])('of %j at %i', (text, caret, word) => {
    expect(wordAt(text, caret)).toEqual(word)
  })

  it('is completed where it stands, and what follows stays', () => {
    const word = wordAt('a out b', 5)
    expect(complete('a out b', word, { text: 'outcome:', name: '' })).toEqual({ text: 'a outcome: b', caret: 10 })
    const value = wordAt('-outcome:den', 12)
    expect(complete('-outcome:den', value, { text: 'outcome:denied', name: '' })).toEqual({
      text: '-outcome:denied ',
      caret: 16,
    })
    expect(complete('out b', wordAt('out b', 3), { text: 'outcome:denied', name: '' })).toEqual({
      text: 'outcome:denied b',
      caret: 15,
    })
  })
})

describe('what is offered', () => {
  it('is fields by their own name and by the reader’s', () => {
    expect(fieldCompletions('de', en).map(({ text }) => text)).toEqual(['device:'])
    expect(fieldCompletions('设', zh)).toEqual([{ text: 'device:', name: '设备' }])
  })

  it('is values by name, which stand in the query as ids or in quotes', () => {
    const id = '01a20727-ad3b-71d1-b42a-3713a601554b'
    const choices = [{ value: id, name: '林伟' }, { value: 'app:Plan viewer' }, { value: 'device.wipe.*', name: 'all' }]
    expect(valueCompletions('actor', '林', choices)).toEqual([{ text: `actor:${id}`, name: '林伟' }])
    expect(valueCompletions('source', 'plan', choices)[0]?.text).toBe('source:"app:Plan viewer"')
    expect(valueCompletions('action', 'wipe', choices)[0]?.text).toBe('action:device.wipe.*')
  })
})
