import { expect, test } from 'vitest'
import { requireNoWarnings } from './build.mjs'

test('a build that warns of something is told from one that is silent', () => {
  expect(() => requireNoWarnings('✓ Compiled successfully\n')).not.toThrow()
  const said = 'Compiled\nTurbopack build encountered 2 warnings:\n./instrumentation.ts:9:5\n'
  expect(() => requireNoWarnings(said)).toThrow('the build is not silent: Turbopack build encountered 2 warnings:')
})
