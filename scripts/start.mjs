import { fileURLToPath } from 'node:url'
import { onNode24 } from './lib/prepare.mjs'
import { Refusal } from './lib/refusal.mjs'
import { fail } from './lib/say.mjs'

try {
  await onNode24(fileURLToPath(import.meta.url))
  const { supervise } = await import('./lib/supervisor.mjs')
  const flags = process.argv.slice(2)
  const unknown = flags.find((flag) => flag !== '--dev' && flag !== '--demo')
  if (unknown) throw new Refusal(`${unknown} is not known here: npm start, npm run dev, npm run demo`)
  await supervise({ isDev: flags.includes('--dev'), isDemo: flags.includes('--demo') })
} catch (error) {
  fail(error)
}
