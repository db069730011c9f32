import { expect, test } from 'vitest'
import { holdOf } from './standing.ts'

const standing = { status: 'active', problem: null, at: '2026-11-24T09:00:00.000Z', cloneSuspectedAt: null }

test('an active device is not held, and neither is one that was never told', () => {
  expect([holdOf(null), holdOf(standing)]).toEqual([null, null])
})

test('each status that is not served hides everything', () => {
  const held = ['pending', 'blocked', 'wiping', 'wiped', 'retired'].map((status) => holdOf({ ...standing, status }))
  expect(held).toEqual(['pending', 'blocked', 'wiping', 'wiping', 'retired'])
})

test('a suspected clone outranks what the server said last; an old page is told apart', () => {
  expect(holdOf({ ...standing, cloneSuspectedAt: standing.at })).toBe('clone')
  expect(holdOf({ ...standing, problem: { code: 'app_version_too_old', detail: '' } })).toBe('too_old')
})
