import { fileURLToPath } from 'node:url'
import { onNode24 } from './lib/prepare.mjs'
import { fail } from './lib/say.mjs'

try {
  await onNode24(fileURLToPath(import.meta.url))
  const { supervise } = await import('./lib/supervisor.mjs')
  await supervise({ isDev: process.argv.includes('--dev') })
} catch (error) {
  fail(error)
}
