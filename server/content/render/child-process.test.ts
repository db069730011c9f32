import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startChild } from './child-process.ts'

it.runIf(process.platform === 'linux')('is the first to go when memory runs out', async () => {
  const child = startChild()
  try {
    await child.ready
    expect(readFileSync(`/proc/${child.process.pid}/oom_score_adj`, 'utf8').trim()).toBe('1000')
  } finally {
    child.process.kill('SIGKILL')
    await child.ended
  }
})
