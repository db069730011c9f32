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
  process.exit(runSuites({ folder: 'bench', suffix: 'bench', names: process.argv.slice(2) }))
} catch (error) {
  fail(error)
}
