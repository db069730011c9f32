import { fileURLToPath } from 'node:url'
import { onNode24 } from './lib/prepare.mjs'
import { fail } from './lib/say.mjs'

try {
  await onNode24(fileURLToPath(import.meta.url))
  const [{ ensureBuilt, ensureGenerated }, { runSuites }] = await Promise.all([
    import('./lib/build.mjs'),
    import('./lib/suites.mjs'),
  ])
  await ensureGenerated()
  await ensureBuilt()
  const names = process.argv.slice(2)
  const events = names.indexOf('--events')
  if (events >= 0) {
    const [, count = ''] = names.splice(events, 2)
    if (!/^[1-9]\d{3,9}$/.test(count)) throw new Error('--events takes a number from 1000 on')
    process.env.BENCH_EVENTS = count
  }
  process.exit(runSuites({ folder: 'bench', suffix: 'bench', names }))
} catch (error) {
  fail(error)
}
