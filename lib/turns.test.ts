import { describe, expect, it } from 'vitest'
import { Turns } from './turns.ts'

describe('Turns', () => {
  it('runs one after the other for a key, at the same time for several, whatever fails before', async () => {
    const turns = new Turns()
    const told: string[] = []
    const run = (name: string, ends: Promise<unknown>) => async () => {
      told.push(`${name} begins`)
      await ends
      told.push(`${name} ends`)
      return name
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const first = turns.take('a', run('first', promise))
    const failed = turns.take('a', async () => {
      throw new Error('it fails')
    })
    const third = turns.take('a', run('third', Promise.resolve()))
    expect(await turns.take('b', run('other', Promise.resolve()))).toBe('other')
    expect(told).toEqual(['first begins', 'other begins', 'other ends'])
    resolve()
    await expect(failed).rejects.toThrow('it fails')
    expect(await Promise.all([first, third])).toEqual(['first', 'third'])
    expect(told.slice(3)).toEqual(['first ends', 'third begins', 'third ends'])
  })
})
