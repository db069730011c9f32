import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { type Instance, startInstance } from './support/instance.ts'
import { enrolFactor, NORTHWIND, type Owner, setUp, signIn } from './support/people.ts'
import { closeBrowsers, expect, openBrowser, reportFaults, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const GATEHOUSE = path.resolve(import.meta.dirname, '../bin/gatehouse.mjs')
const CONTOSO = { email: 'carl@contoso.example', password: 'another long password' }

let instance: Instance
let owner: Owner

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  const context = await openBrowser(browser, instance)
  const page = await context.newPage()
  owner = await setUp(page, instance.setupUrl ?? '', NORTHWIND)
  await context.close()
  const args = ['org', 'create', '--name', 'Contoso', '--owner', CONTOSO.email, '--password-stdin', '--json']
  const env = instance.env as NodeJS.ProcessEnv
  const made = spawnSync(process.execPath, [GATEHOUSE, ...args], {
    env,
    input: `${CONTOSO.password}\n`,
    encoding: 'utf8',
  })
  expect(made.stderr).toBe('')
  expect(JSON.parse(made.stdout)).toHaveProperty('tenantId')
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
})

test('the owner of another organisation sees nothing of the first', async ({ browser }) => {
  const context = await openBrowser(browser, instance)
  const page = await context.newPage()
  await signIn(page, owner)
  await page.goto('/people')
  await page.getByRole('link', { name: owner.name }).click()
  await expect(page).toHaveURL(/\/people\/[0-9a-f-]{36}/)
  const theirs = new URL(page.url()).pathname
  await page.goto('/audit')
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page).toHaveURL(/\/audit\/[0-9a-f-]{36}/)
  const event = new URL(page.url()).pathname
  await context.close()

  const other = await (await openBrowser(browser, instance)).newPage()
  await other.goto('/sign-in')
  await other.getByLabel('Email').fill(CONTOSO.email)
  await other.getByLabel('Password').fill(CONTOSO.password)
  await other.getByRole('button', { name: 'Sign in' }).click()
  await expect(other.getByRole('heading', { name: /Overview|Set up your second factor/ })).toBeVisible()
  if (new URL(other.url()).pathname.startsWith('/sign-in')) await enrolFactor(other)
  for (const path of ['/', '/people', '/devices', '/files', '/audit', '/wipes', '/approvals']) {
    await other.goto(path)
    await expect(other.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(other.getByText(/Northwind|Olga/)).toHaveCount(0)
  }
  for (const path of [theirs, event]) expect(await (await other.request.get(path)).text()).not.toMatch(/Olga|Northwind/)
  // The same through the API, which says it by its status.
  for (const path of [theirs, event.replace('/audit/', '/audit/events/')])
    expect((await other.request.get(`/api/v1${path}`)).status()).toBe(404)
  await other.goto('/audit')
  await expect(other.getByRole('row').nth(1)).toContainText(/Carl|carl|Contoso/i)
})
