import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { entryArgs } from './lib/bootstrap.mjs'
import { ROOT } from './lib/paths.mjs'
import { onNode24 } from './lib/prepare.mjs'
import { fail } from './lib/say.mjs'

try {
  await onNode24(fileURLToPath(import.meta.url))
  const { ensureGenerated } = await import('./lib/build.mjs')
  await ensureGenerated()
  const ran = spawnSync(process.execPath, [...entryArgs('test/faults/soak.ts'), ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  process.exit(ran.status ?? 1)
} catch (error) {
  fail(error)
}
