import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { ROOT } from './paths.mjs'
import { Refusal } from './refusal.mjs'
import { say } from './say.mjs'

const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Path of a Chromium on this machine: GATEHOUSE_CHROMIUM, a system one, Playwright's own; undefined when there is none. */
export function findChromium() {
  const { chromium } = createRequire(import.meta.url)('@playwright/test')
  return [process.env.GATEHOUSE_CHROMIUM, ...INSTALLED, chromium.executablePath()].find(
    (file) => file && fs.existsSync(file),
  )
}

/** The same, installing one where there is none. */
export function provideChromium() {
  const found = findChromium()
  if (found) return found
  for (const install of [installFromPlaywright, installFromDebian]) {
    install()
    const installed = findChromium()
    if (installed) return installed
  }
  throw new Refusal('no Chromium for the end-to-end tests: install one and name it in GATEHOUSE_CHROMIUM')
}

function installFromPlaywright() {
  say('Fetching a Chromium for the end-to-end tests…')
  const cli = path.join(ROOT, 'node_modules/@playwright/test/cli.js')
  const withSystemLibraries = process.getuid?.() === 0 ? ['--with-deps'] : []
  spawnSync(process.execPath, [cli, 'install', ...withSystemLibraries, 'chromium'], { stdio: ['ignore', 2, 2] })
}

function installFromDebian() {
  if (process.getuid?.() !== 0) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 2, 2] })
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
    env,
    stdio: ['ignore', 2, 2],
  })
}
