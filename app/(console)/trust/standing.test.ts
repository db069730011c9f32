import { describe, expect, it } from 'vitest'
import type { AnchorView, Trust } from '#server/audit/schema.ts'
import { sentenceOf, standingOf } from './_standing.ts'

const trust: Trust = {
  state: 'ok',
  isIntact: false,
  anchored: null,
  anchors: [],
  hasMail: true,
  epoch: 1,
  epochs: [],
  isFrozen: false,
  origin: 'localhost:8443/log/t',
  path: '/log/t',
  vkey: null,
  fingerprint: null,
  size: 120,
  checkpoints: [],
  note: null,
  verified: null,
}
const at = '2026-11-23T09:41:07.318Z'
const anchor = (kind: AnchorView['kind']): AnchorView => ({
  ...{ id: 'a', kind, name: 'w.example', place: 'https://w.example', vkey: null },
  ...{ size: null, anchoredAt: null, triedAt: null, problem: null, detail: null },
})
const held = (kind: AnchorView['kind']) => ({ kind, name: 'w.example', size: 100, at })

describe('how the log is called, and why', () => {
  it('intact only with somebody outside, and the sentence says who, when and what came since', () => {
    const witnessed = { ...trust, isIntact: true, anchored: held('witness'), anchors: [anchor('witness')] }
    expect(standingOf(witnessed)).toBe('intact')
    expect(sentenceOf(witnessed)).toEqual({ key: 'intactWitness', name: 'w.example', size: 100, rest: 20, at })
    expect(sentenceOf({ ...witnessed, anchored: held('mail') }).key).toBe('intactMail')
  })

  it('self-checked for one of four reasons', () => {
    expect(standingOf(trust)).toBe('self_checked')
    expect(sentenceOf(trust).key).toBe('selfNobody')
    expect(sentenceOf({ ...trust, anchors: [anchor('mail')], hasMail: false }).key).toBe('selfNoMail')
    expect(sentenceOf({ ...trust, anchors: [anchor('mail'), anchor('witness')], hasMail: false }).key).toBe('selfNever')
    expect(sentenceOf({ ...trust, anchors: [anchor('witness')], anchored: held('witness') }).key).toBe('selfStale')
  })

  it('whatever is wrong comes before both', () => {
    for (const state of ['unsigned', 'behind', 'different', 'key_missing', 'file_missing'] as const) {
      expect(standingOf({ state, isIntact: true })).toBe(state)
      expect(sentenceOf({ ...trust, state }).key).toBe(state)
    }
  })
})
