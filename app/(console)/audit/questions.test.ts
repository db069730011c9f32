import { describe, expect, it } from 'vitest'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { aroundEvent, eventIdIn, questionText } from './_questions.ts'
import { GET as askAround } from './ask/around/route.ts'
import { GET } from './ask/route.ts'
import { auditParams } from './search-params.ts'

const ID = '019a0000-0000-7000-8000-000000000001'

describe('a question', () => {
  it('about a file asks for its lineage, about a text for what is called so', () => {
    expect(questionText('saw', { value: 'Plan', kind: 'file', id: ID })).toMatch(
      new RegExp(`^\\(action:file.view OR .*\\) ${ID}$`),
    )
    expect(questionText('saw', { value: 'Plan B.pdf' })).toMatch(/\) target:"Plan B\.pdf"$/)
  })

  it('about somebody asks for what they did, as an administrator too, or for what a device did', () => {
    expect(questionText('did', { value: 'Ana', kind: 'person', id: ID })).toBe(`actor:${ID}`)
    expect(questionText('did', { value: 'Laptop', kind: 'device', id: ID })).toBe(`device:${ID}`)
    expect(questionText('did', { value: 'Ana', scope: 'admin' })).toMatch(/^\(action:policy OR .*\) actor:Ana$/)
  })

  it('about captures and changes asks for all of them, or for one', () => {
    expect(questionText('captured', { value: '' })).toBe('action:screenshot.attempt')
    expect(questionText('captured', { value: 'x', kind: 'file', id: ID })).toBe(`action:screenshot.attempt ${ID}`)
    expect(questionText('changed', { value: 'x', kind: 'device', id: ID })).toMatch(new RegExp(`\\) target:${ID}$`))
    expect(questionText('nothing', { value: '' })).toBeNull()
  })

  it('is always a query that can be read, and what is no id is a text', () => {
    for (const question of ['saw', 'captured', 'did', 'changed'])
      for (const asked of [
        { value: 'a"b (c' },
        { value: 'x', kind: 'file', id: ID },
        { value: '王小明', id: 'evil) OR (' },
      ]) {
        const q = questionText(question, asked) ?? ''
        expect(() => parseQuery(q), q).not.toThrow()
        expect(q).not.toContain('evil')
      }
  })

  it('goes to the table by person where that is asked', () => {
    const response = GET(
      new Request(
        `http://localhost:3000/audit/ask?question=saw&as=table&id=${ID}&value=x&from=2026-11-01T00:00:00.000Z`,
      ),
    )
    expect(response.headers.get('location')).toBe(`/files/${ID}/who-saw?from=2026-11-01T00%3A00%3A00.000Z`)
    const evil = GET(new Request('http://localhost:3000/audit/ask?question=saw&as=table&id=..%2F..%2Fx&value=x'))
    expect(evil.headers.get('location')).toMatch(/^\/audit\?/)
  })
})

describe('around an event', () => {
  it('finds its id in what was pasted', () => {
    expect(eventIdIn(`https://gate.example/audit/${ID.toUpperCase()}?q=x`)).toBe(ID)
    expect(eventIdIn('no id')).toBeNull()
  })

  it('that is none goes back to the search it came from, and says so there; nothing is searched for the text', async () => {
    const form = 'question=around&value=salary+list&q=merger&last=7d&cols=time,actor'
    const response = await askAround(new Request(`http://localhost:3000/audit/ask/around?${form}`))
    expect(response.status).toBe(303)
    const location = new URL(response.headers.get('location') ?? '', 'http://localhost:3000')
    expect([location.origin, location.pathname]).toEqual(['http://localhost:3000', '/audit'])
    const params = auditParams(Object.fromEntries(location.searchParams))
    expect(params).toMatchObject({ q: 'merger', last: '7d', cols: ['time', 'actor'], around: 'salary list' })
  })

  it('asks for its minutes, the moment itself included, and where asked for its device alone', () => {
    const event = { occurredAt: '2026-11-23T07:00:00.000Z', device: { id: ID }, actor: { id: 'x' } }
    expect(aroundEvent(event, 5, 'all')).toEqual({
      q: '',
      from: '2026-11-23T06:55:00.000Z',
      to: '2026-11-23T07:05:00.001Z',
    })
    expect(aroundEvent(event, 15, 'device').q).toBe(`device:${ID}`)
    expect(aroundEvent({ ...event, device: undefined }, 15, 'device').q).toBe('')
  })
})
