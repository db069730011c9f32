import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { provideChromium } from './browser.mjs'
import { ensureBuilt, ensureGenerated } from './build.mjs'
import { ROOT } from './paths.mjs'
import {
  add,
  failedInPlaywright,
  failedInVitest,
  fromExit,
  fromPlaywright,
  fromVitest,
  NOTHING,
  summary,
} from './test-counts.mjs'

const TOOLS = {
  biome: 'node_modules/@biomejs/biome/bin/biome',
  next: 'node_modules/next/dist/bin/next',
  playwright: 'node_modules/@playwright/test/cli.js',
  tsc: 'node_modules/typescript/bin/tsc',
  vitest: 'node_modules/vitest/vitest.mjs',
}

/**
 * Runs every step, the later ones also after a failure, and ends with the one line that counts all of them.
 * `check` leaves out what is slow: the build, the browser, and tests in `*.slow.test.ts`.
 * @returns {Promise<number>} the exit code
 */
export async function runTests({ isCheck }) {
  const reports = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-reports-'))
  let counts = NOTHING
  failures.length = 0
  try {
    for (const [name, step] of Object.entries(isCheck ? quick(reports, true) : everything(reports))) {
      const startedAt = performance.now()
      process.stdout.write(`\n── ${name}\n`)
      const result = await step().catch(crashed)
      counts = add(counts, result)
      if (result.failed > 0 && name !== 'tests' && name !== 'end to end') failures.push(name)
      process.stdout.write(
        `── ${name}: ${summary(result)} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`,
      )
    }
  } finally {
    fs.rmSync(reports, { recursive: true, force: true })
  }
  // Said again at the end: a log of thousands of lines is read from below, or is cut above.
  if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.map((line) => `  ${line}\n`).join('')}`)
  process.stdout.write(`\n${summary(counts)}\n`)
  return counts.failed > 0 ? 1 : 0
}

function quick(reports, isCheck) {
  return {
    generate: async () => {
      await ensureGenerated()
      // The types of routes and of imported styles, which `next build` would write.
      return fromExit(await run('next', ['typegen']))
    },
    types: async () => fromExit(await run('tsc', ['--noEmit'])),
    lint: async () => fromExit(await run('biome', ['ci', '--error-on-warnings', '.'])),
    tests: async () => {
      const file = path.join(reports, 'vitest.json')
      const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
      const code = await run('vitest', isCheck ? [...args, '--exclude=**/*.slow.test.ts'] : args, { NODE_ENV: 'test' })
      const report = read(file)
      failures.push(...failedInVitest(report).map((line) => line.replace(`${ROOT}/`, '')))
      return fromVitest(report, code)
    },
  }
}

function everything(reports) {
  return {
    ...quick(reports, false),
    build: async () => {
      await ensureBuilt(undefined, { isStrict: true })
      return fromExit(0)
    },
    'end to end': async () => {
      const file = path.join(reports, 'playwright.json')
      const env = {
        GATEHOUSE_CHROMIUM: provideChromium(),
        PLAYWRIGHT_JSON_OUTPUT_FILE: file,
        // `server-only` throws unless resolved as a server component would resolve it.
        NODE_OPTIONS: '--conditions=react-server',
      }
      const code = await run('playwright', ['test', '--reporter=list,json'], env)
      const report = read(file)
      failures.push(...failedInPlaywright(report))
      return fromPlaywright(report, code)
    },
  }
}

/** A step that could not run counts as one failure. */
function crashed(error) {
  process.stdout.write(`${error.name === 'Refusal' ? error.message : error.stack}\n`)
  return fromExit(1)
}

function read(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined
}

let current

/** What failed so far, a line each. */
const failures = []

function run(tool, args, env = {}) {
  const bin = path.join(ROOT, TOOLS[tool])
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 1, 1],
  })
  current = child
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    current?.kill(signal)
    process.exit(130)
  })
}
