import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { AGENT_OUTPUT, buildAgentWorker } from './agent-worker.mjs'
import { readIfExists, writeFileAtomic } from './files.mjs'
import { withLock } from './lock.mjs'
import { ROOT, stateFile } from './paths.mjs'
import { Refusal } from './refusal.mjs'
import { say } from './say.mjs'
import { buildViewer, VIEWER_OUTPUT } from './viewer.mjs'

const NEXT = path.join(ROOT, 'node_modules/next/dist/bin/next')

/** Everything a build of the console reads. */
const CONSOLE_SOURCES = [
  ...[
    'agent',
    'app',
    'components',
    'i18n',
    'lib',
    'messages',
    'prisma/schema',
    'protocol',
    'public',
    'server',
    'viewer',
  ],
  ...[
    'instrumentation.ts',
    'next.config.ts',
    'package-lock.json',
    'package.json',
    'postcss.config.mjs',
    'tsconfig.json',
  ],
]
const DERIVED = new Set(['generated', 'node_modules', 'vectors'])

/** Generates the database client when the schema changed since. */
export function ensureGenerated(signal) {
  const output = path.join(ROOT, 'server/kernel/generated/client.ts')
  return whenStale({
    name: 'prisma-client',
    sources: ['prisma/schema', 'prisma.config.ts', 'node_modules/prisma/package.json'],
    isPresent: () => fs.existsSync(output),
    run: () => {
      say('Generating the database client…')
      // `generate` fetches an engine it then does not use, unless it is told that there is one.
      const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
      return node([path.join(ROOT, 'node_modules/prisma/build/index.js'), 'generate'], env, signal)
    },
  })
}

/** Builds the viewer's frame into public/viewer when one of its sources changed since the last build. */
export function ensureViewer() {
  return whenStale({
    name: 'viewer',
    sources: [
      'viewer',
      'scripts/lib/viewer.mjs',
      'node_modules/esbuild/package.json',
      'node_modules/pdfjs-dist/package.json',
    ],
    isPresent: () => fs.existsSync(path.join(VIEWER_OUTPUT, 'frame.js')),
    run: buildViewer,
  })
}

/** Bundles the agent of the workspace's service worker when one of its sources changed since. */
function ensureAgentWorker() {
  return whenStale({
    name: 'agent-worker',
    sources: [
      ...['agent/browser', 'agent/core', 'lib', 'protocol', 'scripts/lib/agent-worker.mjs'],
      ...['package.json', 'package-lock.json'],
    ],
    isPresent: () => fs.existsSync(AGENT_OUTPUT),
    run: buildAgentWorker,
  })
}

/** Builds what is served as it is beside the console's own pages. */
export async function ensureAssets() {
  await ensureViewer()
  await ensureAgentWorker()
}

/**
 * Builds the assets and the console, each when one of its sources changed since its last build. With `isStrict` a build that warns
 * of anything fails.
 */
export async function ensureBuilt(signal, { isStrict = false } = {}) {
  // First: what it makes is among the files that the console serves.
  await ensureAssets()
  await whenStale({
    name: 'console',
    sources: CONSOLE_SOURCES,
    isPresent: () => fs.existsSync(path.join(ROOT, '.next/BUILD_ID')),
    run: () => {
      say('Building the console…')
      const env = { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' }
      return node([NEXT, 'build'], env, signal, isStrict ? requireNoWarnings : undefined)
    },
  })
}

/** Runs a step unless its stamp says that it ran on exactly these sources; two starts of one checkout take turns. */
async function whenStale({ name, sources, isPresent, run }) {
  const stamp = stateFile(`${name}.sha256`)
  const isFresh = () => isPresent() && readIfExists(stamp) === digestOf(sources)
  if (isFresh()) return
  await withLock(stateFile(`${name}.lock`), name, async () => {
    if (isFresh()) return
    fs.rmSync(stamp, { force: true })
    // Taken before the step: what is edited while it runs makes the result stale.
    const digest = digestOf(sources)
    await run()
    writeFileAtomic(stamp, digest)
  })
}

function digestOf(sources) {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0])
  for (const file of sources.flatMap((source) => filesOf(path.join(ROOT, source))).sort()) {
    hash.update(`\0${path.relative(ROOT, file)}\0`).update(fs.readFileSync(file))
  }
  return hash.digest('hex')
}

function filesOf(place) {
  const stat = fs.statSync(place, { throwIfNoEntry: false })
  if (!stat) return []
  if (!stat.isDirectory()) return [place]
  return fs
    .readdirSync(place)
    .filter((name) => !DERIVED.has(name) && !/\.test\.tsx?$/.test(name))
    .flatMap((name) => filesOf(path.join(place, name)))
}

/** @throws Refusal when a build that succeeded has said that it met warnings */
export function requireNoWarnings(said) {
  const [line] = /^.*\bencountered \d+ warnings?\b.*$/m.exec(said) ?? []
  if (line) throw new Refusal(`the build is not silent: ${line.trim()}`)
}

/** Runs a tool; an aborted `signal` (a stop in the middle of a start) ends it. `judge` is given what it said, and may throw. */
async function node(args, env, signal, judge) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env,
    signal,
    stdio: ['ignore', ...Array(2).fill(judge ? 'pipe' : 2)],
  })
  const said = []
  for (const stream of judge ? [child.stdout, child.stderr] : [])
    stream.on('data', (chunk) => {
      said.push(chunk)
      process.stderr.write(chunk)
    })
  const how = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // Not before all of what it said has come.
    child.once('close', (code, killedBy) => resolve(killedBy ?? code))
  })
  if (how !== 0) throw new Refusal(`${path.basename(args[0])} ${args[1]} failed (${how})`)
  judge?.(Buffer.concat(said).toString())
}
