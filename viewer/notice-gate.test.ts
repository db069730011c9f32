import { expect, test } from 'vitest'
import { createNoticeGate } from './notice-gate.ts'

test('one press of PrintScreen is one notice, two presses are two', () => {
  const gate = createNoticeGate()
  const reported = [
    gate('printscreen', 'down', 0),
    gate('printscreen', 'up', 90),
    gate('printscreen', 'down', 200),
    gate('printscreen', 'up', 260),
  ]
  expect(reported).toEqual([true, false, true, false])
})

test('a system that tells of the release alone is believed each time', () => {
  const gate = createNoticeGate()
  expect([gate('printscreen', 'up', 0), gate('printscreen', 'up', 150)]).toEqual([true, true])
})

test('a release long after its press is another press whose beginning was not seen', () => {
  const gate = createNoticeGate()
  expect([gate('printscreen', 'down', 0), gate('printscreen', 'up', 60_000)]).toEqual([true, true])
})

test('the key and the event of a print or a copy are one', () => {
  const gate = createNoticeGate()
  expect([gate('print', 'none', 0), gate('print', 'none', 400), gate('print', 'none', 3000)]).toEqual([
    true,
    false,
    true,
  ])
  expect([gate('copy', 'none', 0), gate('copy', 'none', 20), gate('copy', 'none', 900)]).toEqual([true, false, true])
})

test('the focus that a capture tool takes is no second notice; a focus lost by itself is one', () => {
  const gate = createNoticeGate()
  expect(gate('shortcut', 'none', 0)).toBe(true)
  expect(gate('focus_lost', 'none', 300)).toBe(false)
  expect(gate('focus_lost', 'none', 9000)).toBe(true)
})

test('a copy just before a focus loss hides nothing', () => {
  const gate = createNoticeGate()
  expect(gate('copy', 'none', 0)).toBe(true)
  expect(gate('focus_lost', 'none', 100)).toBe(true)
})
