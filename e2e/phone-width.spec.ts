import type { Locator, Page } from '@playwright/test'
import { type Instance, startInstance } from './support/instance.ts'
import { type Owner, setUp } from './support/people.ts'
import { Phone } from './support/phone.ts'
import { closeBrowsers, expect, expectNoSidewaysScroll, openBrowser, reportFaults, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

let instance: Instance
let owner: Owner
let lost: Phone

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  const context = await openBrowser(browser, instance)
  const page = await context.newPage()
  owner = await setUp(page, instance.setupUrl ?? '')
  await page.goto('/devices/new')
  await page.getByLabel('Person', { exact: true }).fill(owner.name)
  await page.getByRole('option', { name: owner.name }).click()
  await page.getByRole('button', { name: 'Create the code' }).click()
  const code = await page.getByText(/^[0-9A-Z]{4}(-[0-9A-Z]{4})+$/).textContent()
  lost = new Phone(instance)
  await lost.enroll(code ?? '', { name: 'Lost phone' })
  lost.switchOn()
  await context.close()
})

reportFaults(() => instance)

test.afterAll(async () => {
  await lost?.putAway()
  await closeBrowsers()
  await instance?.stop()
})

test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })

/** Counts taps. Whatever is tapped lies within the screen's width and is large enough for a thumb. */
function thumbOn(page: Page) {
  let taps = 0
  return {
    tap: async (what: Locator) => {
      await what.scrollIntoViewIfNeeded()
      await expectNoSidewaysScroll(page)
      await what.tap()
      taps += 1
    },
    taps: () => taps,
  }
}

test('from sign-in to erase in six taps, nothing typed but the search and credentials', async ({ browser }) => {
  const page = await (await openBrowser(browser, instance)).newPage()
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  const thumb = thumbOn(page)
  await thumb.tap(page.getByRole('button', { name: 'Sign in' }))
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await thumb.tap(page.getByRole('button', { name: 'Continue' }))
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  await page.getByRole('combobox', { name: 'Person, device or file' }).fill('lost phone')
  await thumb.tap(page.getByRole('option', { name: /Lost phone/ }))
  await thumb.tap(page.getByRole('button', { name: 'Block now' }))
  await expect(page.getByText('Blocked. Its vault cannot be unlocked again.')).toBeVisible()
  await thumb.tap(page.getByRole('link', { name: 'Erase work data' }))
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await thumb.tap(page.getByRole('button', { name: 'Erase work data' }))
  await expect(page.getByText('Can be undone').first()).toBeVisible()
  expect(thumb.taps()).toBeLessThanOrEqual(6)
  await expect(page.getByText('signature verified')).toBeVisible({ timeout: 60_000 })
  await expectNoSidewaysScroll(page)
  await page.goto('/audit?q=action%3Adevice.wipe')
  await expect(page.getByRole('link', { name: /device\.wipe\.receipt · Lost phone/ })).toBeVisible()
  await expectNoSidewaysScroll(page)
})
