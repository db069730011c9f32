import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from './paths.mjs'

/** Served at /workspace/agent.js: the device agent for the workspace's service worker. */
export const AGENT_OUTPUT = path.join(ROOT, 'public/workspace/agent.js')

/** The library of schemas brings its messages in forty languages; nobody reads any of them here. */
const withoutLocales = {
  name: 'without-locales',
  setup(build) {
    build.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {}' }))
  },
}

/** Bundles the agent, as `gatehouseAgent` of the worker that loads it. */
export async function buildAgentWorker() {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const { build } = await import('esbuild')
  await build({
    entryPoints: [path.join(ROOT, 'agent/browser/worker.ts')],
    outfile: AGENT_OUTPUT,
    bundle: true,
    format: 'iife',
    globalName: 'gatehouseAgent',
    footer: { js: `gatehouseAgent={...gatehouseAgent,appVersion:${JSON.stringify(version)}};` },
    minify: true,
    target: ['chrome120', 'firefox121', 'safari17'],
    legalComments: 'none',
    logLevel: 'error',
    plugins: [withoutLocales],
  })
}
