import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from '../scripts/lib/ports.mjs'
import { type Instance, startInstance } from './support/instance.ts'
import { NORTHWIND, type Owner, setUp, signIn } from './support/people.ts'
import { closeBrowsers, expect, openBrowser, reportFaults, test } from './support/test.ts'

const run = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '..')

let instance: Instance
let owner: Owner
let app: { url: string; child: ChildProcess; directory: string }

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  const context = await openBrowser(browser, instance)
  owner = await setUp(await context.newPage(), instance.setupUrl ?? '', NORTHWIND)
  await context.close()
  app = await startHostApp()
})

reportFaults(() => instance)

test.afterAll(async () => {
  app?.child.kill()
  if (app) fs.rmSync(app.directory, { recursive: true, force: true })
  await closeBrowsers()
  await instance?.stop()
})

/** The example as its README starts it, with a key of the organisation's. */
async function startHostApp() {
  const key = ['api-key', 'create', '--name', 'Plan viewer', '--scopes', 'audit:write', '--json']
  const made = await run(process.execPath, ['bin/gatehouse.mjs', ...key], {
    cwd: ROOT,
    env: { ...process.env, ...instance.env },
  })
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-host-app-'))
  const child = spawn(process.execPath, ['examples/web-host-app/server.mjs'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      PORT: String(await freePort()),
      GATEHOUSE_URL: instance.consoleUrl,
      GATEHOUSE_API_KEY: JSON.parse(made.stdout).token,
      DEMO_PERSON: owner.email,
      OUTBOX_FILE: path.join(directory, 'outbox.ndjson'),
    },
  })
  const [url] = await once(readline.createInterface(child.stdout), 'line')
  return { url: String(url), child, directory }
}

test('a page of the organisation’s own reports a capture, also while Gatehouse is away', async ({ browser }) => {
  const page = await (await openBrowser(browser, instance)).newPage()
  await page.goto(app.url)
  await page.keyboard.press('PrintScreen')
  await expect(page.getByRole('status')).toHaveText('Your organisation was told.')
  instance.kill('console')
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.press('ControlOrMeta+c')
  await expect(page.getByRole('status')).toHaveText('Your organisation was told.')

  const office = await (await openBrowser(browser, instance)).newPage()
  await expect.poll(async () => (await fetch(`${instance.consoleUrl}/readyz`).catch(() => null))?.status).toBe(200)
  await signIn(office, owner)
  await expect(async () => {
    await office.goto('/audit?q=source%3A%22app%3APlan%20viewer%22')
    await expect(office.getByRole('row').filter({ hasText: 'file.copy' })).toHaveCount(1, { timeout: 2_000 })
  }).toPass({ timeout: 30_000 })
  const attempt = office.getByRole('row').filter({ hasText: 'screenshot.attempt' })
  await expect(attempt).toHaveCount(1)
  await expect(attempt).toContainText(owner.name)
  await expect(attempt).toContainText('Quarterly plan')
  await expect(attempt).toContainText('noticed')
})
