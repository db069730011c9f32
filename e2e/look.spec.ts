import type { Page } from '@playwright/test'
import { type Instance, startInstance } from './support/instance.ts'
import { setUp } from './support/people.ts'
import {
  closeBrowsers,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  openBrowser,
  reportFaults,
  test,
} from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const PAGES = [
  '/',
  '/policies',
  '/people',
  '/people/new',
  '/devices',
  '/devices/new',
  '/files',
  '/files/new',
  '/audit',
  '/audit/keeping',
  '/audit/keeping/retention',
  '/audit/keeping/archive',
  '/audit/keeping/holds/new?kind=search',
  '/audit/import',
  '/approvals',
  '/wipes',
  '/api-keys',
  '/api-keys/new',
  '/trust',
  '/settings',
  '/account',
]

let instance: Instance
let page: Page

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  const context = await openBrowser(browser, instance)
  page = await context.newPage()
  await page.goto(instance.setupUrl ?? '')
  await expectAccessible(page)
  await setUp(page, instance.setupUrl ?? '')
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
})

for (const path of PAGES) {
  test(`${path}: no axe finding in light and dark, nothing sideways at 360 px`, async () => {
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expectAccessible(page)
    await page.setViewportSize({ width: 360, height: 740 })
    await expectNoSidewaysScroll(page)
    await page.setViewportSize({ width: 1440, height: 900 })
  })
}

test('a code that is shown once, with its link and picture: no axe finding, nothing sideways at 360 px', async () => {
  await page.goto('/devices/new')
  await page.getByLabel('Person', { exact: true }).fill('Olga')
  await page.getByRole('option', { name: /Olga Berg/ }).click()
  await page.getByRole('button', { name: 'Create the code' }).click()
  await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible()
  await expect(page.getByText(/\/workspace\/enrol#code=[0-9A-Z-]{14}$/)).toBeVisible()
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 740 })
  await expectNoSidewaysScroll(page)
  await page.setViewportSize({ width: 1440, height: 900 })
})

test('Simplified Chinese, everywhere', async () => {
  await page.context().addCookies([{ name: 'locale', value: 'zh', url: instance.consoleUrl }])
  for (const path of PAGES) {
    await page.goto(path)
    await expect(page.locator('html')).toHaveAttribute('lang', /^zh/)
    await expect(page.getByRole('main')).toContainText(/\p{Script=Han}/u)
  }
  await page.goto('/audit')
  await expect(page.getByRole('row').nth(1)).toContainText('Olga Berg')
})
