import { describe, expect, it } from 'vitest'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { AUDIT_ACTIONS } from '#protocol/audit/actions.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { USUAL_COLUMNS } from './_columns.ts'
import { guardedOperation } from './_enforcement.ts'
import { asksFor, condition, narrowed, without } from './_query-text.ts'
import { momentOf, wallOf } from './_zoned-time.ts'
import { GET } from './ask/route.ts'
import { auditHref, auditParams, eventHref, rangeOf, withFixedTimes } from './search-params.ts'

describe('labels of actions', () => {
  it('exist for every action, in both languages, and for nothing else', () => {
    const keys = AUDIT_ACTIONS.map((action) => action.replaceAll('.', '-')).sort()
    expect(Object.keys(en.actions).sort()).toEqual(keys)
    expect(Object.keys(zh.actions).sort()).toEqual(keys)
    expect(new Set(Object.values(en.actions)).size).toBe(keys.length)
  })
})

describe('what is said of an attempt', () => {
  it('names the operation that the table of the platforms knows', () => {
    expect(guardedOperation('screenshot.attempt')).toBe('screenshot')
    expect(guardedOperation('file.print')).toBe('print')
    expect(guardedOperation('file.view')).toBeNull()
  })
})

describe('conditions', () => {
  it('are added to the text and taken away again', () => {
    const lin = condition('actor', 'Lin Wei')
    expect(narrowed('', lin)).toBe('actor:"Lin Wei"')
    expect(narrowed('merger OR board', lin)).toBe('(merger OR board) actor:"Lin Wei"')
    const q = narrowed(narrowed('merger', lin), condition('action', 'device.wipe.*'))
    expect(q).toBe('merger actor:"Lin Wei" action:device.wipe.*')
    expect(asksFor(q, lin)).toBe(true)
    expect(asksFor('-actor:"Lin Wei"', lin)).toBe(false)
    expect(without(q, lin)).toBe('merger action:device.wipe.*')
    expect(without('actor:"Lin Wei"', lin)).toBe('')
  })

  it('keep a query that cannot be read as it stands', () => {
    expect(narrowed('colour:red', condition('outcome', 'denied'))).toBe('colour:red outcome:denied')
  })

  it('of any text are a query that can be read', () => {
    for (const text of [
      'a"b',
      'x y',
      '(',
      'OR',
      '-',
      'he said: "no"',
      '林 伟',
      'C:\\files\\*.pdf',
      'a:b',
      'tail*',
      '**',
    ]) {
      for (const field of ['actor', 'target', undefined] as const) {
        const q = narrowed('action:file.view', condition(field, text))
        if (/[\p{L}\p{N}]/u.test(text)) expect(() => parseQuery(q), q).not.toThrow()
      }
    }
  })
})

describe('GET /audit/ask', () => {
  const ask = (query: string) => {
    const response = GET(new Request(`http://localhost:3000/audit/ask?${query}`))
    expect(response.status).toBe(303)
    return new URL(response.headers.get('location') ?? '', 'http://localhost:3000').searchParams
  }

  it('writes the query of a question and keeps the time', () => {
    const asked = ask('question=saw&value=Merger+timeline.xlsx&last=7d&q=old')
    expect(asked.get('last')).toBe('7d')
    expect(asked.get('q')).toContain('action:file.view OR')
    expect(asked.get('q')).toMatch(/\) target:"Merger timeline\.xlsx"$/)
    expect(ask('question=captured').get('q')).toBe('action:screenshot.attempt')
    expect(ask('question=did&value=Ana').get('q')).toBe('actor:Ana')
  })

  it('adds conditions to what is asked; its own address never leaves the log', () => {
    expect(ask('q=merger&outcome=denied&ip=10.2.0.0%2F16&device=').get('q')).toBe(
      'merger outcome:denied ip:10.2.0.0/16',
    )
    expect(ask('q=merger&field=actor&is=not&value=Lin+Wei').get('q')).toBe('merger -actor:"Lin Wei"')
    expect(ask('q=merger&field=text&is=is&value=board').get('q')).toBe('merger board')
    expect(ask('q=merger&field=colour&value=red').get('q')).toBe('merger')
    const response = GET(new Request('http://localhost:3000/audit/ask?q=//evil.example&words=x'))
    expect(response.headers.get('location')).toMatch(/^\/audit\?/)
  })
})

describe('the URL of the log', () => {
  it('keeps what it knows and drops the rest', () => {
    const params = auditParams({ q: ' merger ', last: '7d', sort: 'x', colour: 'red' })
    expect(params).toEqual({ q: 'merger', last: '7d', sort: '-time' })
    expect(auditHref(params, { q: 'x' })).toBe('/audit?q=x&last=7d')
    expect(eventHref(params, 'ID')).toBe('/audit/ID?q=merger&last=7d')
  })

  it('names a time that cannot be read instead of searching another one', () => {
    const params = auditParams({ q: 'x', from: 'yesterday', to: '2026-11-02T00:00:00Z', last: 'week' })
    expect(params).toEqual({
      q: 'x',
      sort: '-time',
      to: '2026-11-02T00:00:00.000Z',
      wrong: [
        { name: 'from', value: 'yesterday', problem: 'time' },
        { name: 'last', value: 'week', problem: 'span' },
      ],
    })
    expect(auditParams(Object.fromEntries(new URL(auditHref(params), 'http://x').searchParams)).wrong).toBeUndefined()
    expect(auditParams({ from: '', last: '7d' }).wrong).toBeUndefined()
  })

  it('names a time that ends before it begins: nothing found would pass for an answer', () => {
    const [from, to] = ['2026-11-02T00:00:00.000Z', '2026-11-01T00:00:00.000Z']
    const wrong = [{ name: 'to', value: to, problem: 'order' }]
    expect(auditParams({ from, to })).toEqual({ q: '', sort: '-time', from, wrong })
    expect(auditParams({ from, to: from }).wrong).toHaveLength(1)
    expect(auditParams({ from: to, to: from }).wrong).toBeUndefined()
  })

  it('names the columns only where they are not the usual ones', () => {
    expect(auditParams({ cols: 'result,actor,colour' }).cols).toEqual(['time', 'actor', 'result'])
    expect(auditParams({ cols: USUAL_COLUMNS.join() }).cols).toBeUndefined()
    expect(auditHref(auditParams({ cols: 'actor' }))).toBe('/audit?cols=time%2Cactor')
    expect(auditHref(auditParams({ cols: 'actor' }), { cols: USUAL_COLUMNS })).toBe('/audit')
  })

  it('becomes a search of fixed times where it is to stay what it is', () => {
    const at = new Date('2026-11-23T10:01:00Z')
    expect(auditHref(withFixedTimes(auditParams({ q: 'x', last: '24h' }), at))).toBe(
      '/audit?q=x&from=2026-11-22T10%3A00%3A00.000Z&to=2026-11-23T10%3A01%3A00.000Z',
    )
    const fixed = auditParams({ from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' })
    expect(withFixedTimes(fixed, at)).toEqual(fixed)
    // What is open would grow.
    expect(withFixedTimes(auditParams({ from: '2026-11-01T00:00:00Z' }), at).to).toBe(at.toISOString())
    expect(auditHref(withFixedTimes(auditParams({}), at))).toBe('/audit?to=2026-11-23T10%3A01%3A00.000Z')
  })

  it('asks the same range for ten minutes', () => {
    const params = auditParams({ last: '24h' })
    const range = (time: string) => rangeOf(params, new Date(time))
    expect(range('2026-11-23T10:01:00Z')).toEqual({ from: '2026-11-22T10:00:00.000Z' })
    expect(range('2026-11-23T10:09:59Z')).toEqual(range('2026-11-23T10:01:00Z'))
  })
})

describe('clocks on the wall', () => {
  it('are read and shown in the zone, also beside a change of summer time', () => {
    expect(momentOf('2026-11-22T09:41', 'Asia/Shanghai')?.toISOString()).toBe('2026-11-22T01:41:00.000Z')
    expect(momentOf('2026-03-29T03:30', 'Europe/Berlin')?.toISOString()).toBe('2026-03-29T01:30:00.000Z')
    expect(momentOf('2026-03-29T01:30', 'Europe/Berlin')?.toISOString()).toBe('2026-03-29T00:30:00.000Z')
    expect(momentOf('soon', 'UTC')).toBeNull()
    expect(wallOf('2026-11-22T01:41:07.318Z', 'Asia/Shanghai')).toBe('2026-11-22T09:41:07')
  })
})
