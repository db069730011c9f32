import { fileURLToPath } from 'node:url'
import { onNode24 } from './lib/prepare.mjs'
import { fail } from './lib/say.mjs'

try {
  await onNode24(fileURLToPath(import.meta.url))
  const { runTests } = await import('./lib/test-steps.mjs')
  process.exit(await runTests({ isCheck: process.argv.includes('--check') }))
} catch (error) {
  fail(error)
}
