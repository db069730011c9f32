import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { limitUntaken } from './concurrency.ts'

class TestAnswer extends EventEmitter {
  isDestroyed = false

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

test('of a device that takes nothing in the oldest answers are ended; the others’ are not, nor what it takes in', () => {
  const keep = limitUntaken(2)
  const answers = Array.from({ length: 5 }, () => new TestAnswer())
  const [first, second, third, fourth, others] = answers
  if (!first || !second || !third || !fourth || !others) throw new Error('five answers')
  keep('other', others)
  for (const answer of [first, second, third]) keep('slow', answer)
  expect(answers.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false, false, false, false])
  // Taken in, it counts no more.
  second.emit('close')
  keep('slow', fourth)
  expect(answers.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false, false, false, false])
  keep('slow', new TestAnswer())
  expect(third.isDestroyed).toBe(true)
})
