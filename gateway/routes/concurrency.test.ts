import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { limitUntaken } from './concurrency.ts'

test('a device that takes nothing in is given no more; the others are, and it is again once it has', () => {
  const ask = limitUntaken({ most: 2, detail: 'enough' })
  const answers = [new EventEmitter(), new EventEmitter()]
  for (const answer of answers) ask('slow', answer)
  expect(() => ask('slow', new EventEmitter())).toThrow('enough')
  ask('other', new EventEmitter())
  answers[0]?.emit('close')
  ask('slow', new EventEmitter())
  expect(() => ask('slow', new EventEmitter())).toThrow('enough')
})
