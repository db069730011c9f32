import { describe, expect, it } from 'vitest'
import { createLogSession, type FetchPage, type LogAsk, PAGE_ROWS } from './_log-session.ts'
import type { EventRow, RowsPage } from './_rows.ts'

const ask: LogAsk = { q: '', order: 'newest' }

const row = (index: number): EventRow => ({
  id: `id-${index}`,
  index,
  at: new Date(index * 1_000).toISOString(),
  action: 'file.view',
  outcome: 'allowed',
  kind: 'person',
  source: 'server',
})

/** The rows from one index down to another. */
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, place) => row(from - place))

type Answer = Partial<RowsPage> | 'slow' | Error

/** A server that answers what it is told to, in order, and remembers what it was asked. */
function server(...answers: Answer[]) {
  const asked: (string | null)[] = []
  const fetchPage: FetchPage = async ({ cursor }) => {
    asked.push(cursor)
    const answer = answers.shift() ?? new Error('asked once too often')
    if (answer instanceof Error) throw answer
    if (answer === 'slow') return 'slow'
    return { rows: [], nextCursor: null, searchedBackTo: null, total: { value: 0, capped: true }, ...answer }
  }
  return { asked, fetchPage }
}

async function settled(session: ReturnType<typeof createLogSession>) {
  await expect.poll(() => session.getState().status).not.toBe('searching')
  return session.getState()
}

describe('a search', () => {
  it('goes on page after page until it has what is wanted, and keeps what it found', async () => {
    const { asked, fetchPage } = server(
      { rows: down(900, 899), nextCursor: 'a', searchedBackTo: '2026-11-03T00:00:00.000Z' },
      { nextCursor: 'b', searchedBackTo: '2026-11-02T00:00:00.000Z' },
      { rows: down(500, 498), searchedBackTo: '2026-11-01T00:00:00.000Z', total: { value: 5, capped: false } },
    )
    const session = createLogSession(ask, fetchPage, null)
    session.goOn()
    const state = await settled(session)
    expect(asked).toEqual([null, 'a', 'b'])
    expect(state).toMatchObject({ status: 'done', searchedBackTo: '2026-11-01T00:00:00.000Z' })
    expect(state.rows.map(({ index }) => index)).toEqual([900, 899, 500, 499, 498])
  })

  it('rests with a full page and asks for the next one only when it is wanted', async () => {
    const { asked, fetchPage } = server(
      { rows: down(900, 901 - PAGE_ROWS), nextCursor: 'a' },
      { rows: down(500, 499), nextCursor: null },
    )
    const session = createLogSession(ask, fetchPage, null)
    session.goOn()
    expect((await settled(session)).status).toBe('resting')
    expect(asked).toHaveLength(1)
    session.more()
    session.more()
    expect((await settled(session)).status).toBe('done')
    expect(session.getState().rows).toHaveLength(PAGE_ROWS + 2)
    session.more()
    expect(asked).toEqual([null, 'a'])
  })

  it('begins with the page that the server has drawn, and goes on where that was cut short', async () => {
    const cut = { rows: down(900, 898), nextCursor: 'a', searchedBackTo: 'x', total: { value: 3, capped: true } }
    const { asked, fetchPage } = server({ rows: down(5, 5) })
    const session = createLogSession(ask, fetchPage, cut, 40)
    expect(session.getState()).toMatchObject({ status: 'searching', searchedBackTo: 'x' })
    session.goOn()
    expect((await settled(session)).rows).toHaveLength(4)
    expect(asked).toEqual(['a'])
    const full = createLogSession(ask, fetchPage, { ...cut, rows: down(900, 861) }, 40)
    expect(full.getState().status).toBe('resting')
  })

  it('that was stopped, failed or was too slow goes on from where it was', async () => {
    const { asked, fetchPage } = server(
      { rows: down(9, 8), nextCursor: 'a' },
      new Error('the network is away'),
      'slow',
      { rows: down(7, 7), nextCursor: null },
    )
    const session = createLogSession(ask, fetchPage, null)
    session.goOn()
    expect((await settled(session)).status).toBe('failed')
    session.goOn()
    expect((await settled(session)).status).toBe('slow')
    session.goOn()
    const state = await settled(session)
    expect(state.rows.map(({ index }) => index)).toEqual([9, 8, 7])
    expect(asked).toEqual([null, 'a', 'a', 'a'])
  })

  it('stops after the page under way', async () => {
    const { asked, fetchPage } = server({ rows: down(9, 8), nextCursor: 'a' }, { rows: down(7, 7), nextCursor: 'b' })
    const session = createLogSession(ask, fetchPage, null)
    session.goOn()
    session.stop()
    await expect.poll(() => session.getState().rows.length).toBe(2)
    expect(session.getState().status).toBe('stopped')
    expect(asked).toEqual([null])
  })
})

describe('newer events', () => {
  const first = { rows: down(100, 61), nextCursor: 'a', searchedBackTo: null, total: { value: 40, capped: true } }

  it('wait until they are shown, each once', async () => {
    const { fetchPage } = server(
      { rows: down(102, 61), nextCursor: 'x' },
      { rows: down(103, 61), nextCursor: 'x', total: { value: 43, capped: true } },
    )
    const session = createLogSession(ask, fetchPage, first, 40)
    await session.catchUp()
    await session.catchUp()
    expect(session.getState().waiting.map(({ index }) => index)).toEqual([103, 102, 101])
    session.showWaiting()
    expect(session.getState()).toMatchObject({ waiting: [], total: { value: 43 } })
    expect(
      session
        .getState()
        .rows.slice(0, 4)
        .map(({ index }) => index),
    ).toEqual([103, 102, 101, 100])
  })

  it('are fetched over several pages, and of very many the list begins anew', async () => {
    const pages = Array.from({ length: 5 }, (_, page) => ({
      rows: down(9_000 - page * PAGE_ROWS, 9_001 - (page + 1) * PAGE_ROWS),
      nextCursor: `p${page}`,
    }))
    const { fetchPage } = server(...pages, { rows: down(9_005, 9_004), nextCursor: null })
    const session = createLogSession(ask, fetchPage, first, 40)
    await session.catchUp()
    expect(session.getState()).toMatchObject({ isBehind: true })
    expect(session.getState().waiting).toHaveLength(1_000)
    session.showWaiting()
    const state = await settled(session)
    expect(state.rows.map(({ index }) => index)).toEqual([9_005, 9_004])
    expect(state).toMatchObject({ isBehind: false, waiting: [] })
  })
})
