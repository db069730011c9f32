import type { Page } from '@playwright/test'
import { type Instance, startInstance } from './support/instance.ts'
import { type Owner, setUp } from './support/people.ts'
import { Phone } from './support/phone.ts'
import { closeBrowsers, expect, openBrowser, reportFaults, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const PLAN = 'Merger plan: nobody but Rosa.'

let instance: Instance
let phone: Phone
let page: Page
let owner: Owner
/** A second window of the owner's, on the list of devices, that nobody reloads. */
let watching: Page
let fileId: string

test.beforeAll(async () => {
  instance = await startInstance()
  phone = new Phone(instance)
})

reportFaults(() => instance)

test.afterAll(async () => {
  await phone?.putAway()
  await closeBrowsers()
  await instance?.stop()
})

// One browser for the whole story: the pages stay open from test to test, as they do on a desk.
test.beforeAll(async ({ browser }) => {
  const context = await openBrowser(browser, instance)
  page = await context.newPage()
  watching = await context.newPage()
})

/** The one row of a list that says this. */
function row(on: Page, text: string | RegExp) {
  return on.getByRole('row').filter({ hasText: text })
}

/** Searches the log and expects its newest event to say all of this. */
async function expectInLog(query: string, ...said: (string | RegExp)[]): Promise<void> {
  await page.goto(`/audit?q=${encodeURIComponent(query)}`)
  const newest = page.getByRole('row').nth(1)
  for (const text of said) await expect(newest).toContainText(text)
}

test('the owner sets the organisation up', async () => {
  owner = await setUp(page, instance.setupUrl ?? '')
  await expect(page.getByText('First steps')).toBeVisible()
  await expectInLog('action:auth.second_factor.enroll', owner.name)
})

test('invites a person', async () => {
  await page.goto('/people/new')
  await page.getByLabel('Name').fill('Rosa Lind')
  await page.getByLabel('Email').fill('rosa@northwind.example')
  await page.getByRole('button', { name: 'Invite' }).click()
  await expect(page.getByText('Send this link to the person')).toBeVisible()
  await expectInLog('action:person.invite', 'Rosa Lind', owner.name)
})

test('a phone enrols with a code and is in the list within a second, without a reload', async () => {
  await watching.goto('/devices')
  await expect(watching.getByText('No device is enrolled yet')).toBeVisible()
  await page.goto('/devices/new')
  await page.getByLabel('Person', { exact: true }).fill('Rosa')
  await page.getByRole('option', { name: /Rosa Lind/ }).click()
  await page.getByRole('button', { name: 'Create the code' }).click()
  const code = await page.getByText(/^[0-9A-Z]{4}(-[0-9A-Z]{4})+$/).textContent()
  await phone.enroll(code ?? '')
  await expect(row(watching, 'Rosa’s phone')).toBeVisible({ timeout: 1_000 })
  await expect(row(watching, 'Rosa’s phone')).toContainText('Rosa Lind')
  await expect(row(watching, 'Rosa’s phone')).toContainText('Android')
  phone.switchOn()
  await watching.getByRole('link', { name: 'Rosa’s phone' }).click()
  await expect(watching.getByText(/TLSv1\.3/)).toBeVisible()
  await expectInLog('action:device.enroll', 'Rosa’s phone')
})

test('publishes a file for that person, who opens it', async () => {
  await page.goto('/files/new')
  await page.getByLabel('File', { exact: true }).setInputFiles({
    name: 'Merger plan.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from(PLAN),
  })
  await page.getByLabel(/^Labels/).fill('confidential')
  await page.getByText('Only these people').click()
  await page.getByLabel('Add a person', { exact: true }).fill('Rosa')
  await page.getByRole('option', { name: /Rosa Lind/ }).click()
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByRole('heading', { name: 'Merger plan.txt' })).toBeVisible()
  const [file] = await phone.files()
  expect(file?.name).toBe('Merger plan.txt')
  fileId = file?.id ?? ''
  expect(await phone.open(fileId)).toBe(PLAN)
  await expectInLog('action:file.view', 'Rosa Lind', 'Merger plan.txt', 'Rosa’s phone')
})

test('an attempt to capture the screen is in the log: who, which file, which device, which rule, what was enforced', async () => {
  expect(await phone.reportScreenshot(fileId)).toMatchObject({ outcome: 'allowed', enforcement: 'detected' })
  await expectInLog('action:screenshot.attempt', 'Rosa Lind', 'Merger plan.txt', 'Rosa’s phone', 'noticed')
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page.getByText('Version 1, rule “Screenshot”')).toBeVisible()
})

test('the log answers by action, person, device, outcome, address, words and time', async () => {
  const asked = [
    'action:file.view actor:"Rosa Lind"',
    'device:"Rosa’s phone" outcome:allowed',
    'ip:127.0.0.0/8 action:file.view',
    // A search is an event, too, and has its own words.
    'merger -action:file.publish -action:audit',
  ]
  for (const query of asked) await expectInLog(query, 'Merger plan.txt')
  await page.goto('/audit?q=action%3Afile.view&to=2020-01-01T00%3A00%3A00.000Z')
  await expect(page.getByText('Nothing matches')).toBeVisible()
})

test('a changed policy is looked at before it is published, and the phone obeys it on its next event', async () => {
  await page.goto('/policies')
  await page.getByLabel('Screenshot', { exact: true }).selectOption('block')
  await page.getByRole('button', { name: 'Save draft' }).click()
  await page.getByRole('link', { name: 'Review and publish' }).click()
  await expect(page.getByText('becomes tighter')).toBeVisible()
  await page.getByLabel(/^Note for the history/).fill('No captures')
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await page.getByRole('button', { name: 'Publish version 2' }).click()
  await expect(page.getByText('Version 2 is in force', { exact: true })).toBeVisible()
  await phone.reportScreenshot(fileId)
  await expectInLog('action:screenshot.attempt', 'Rosa Lind', 'noticed')
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page.getByText('Version 2, rule “Screenshot”')).toBeVisible()
})

test('the phone is lost: blocked at once', async () => {
  await page.goto('/')
  await page.getByRole('combobox', { name: 'Person, device or file' }).fill('rosa@')
  await page.getByRole('option', { name: /rosa@northwind\.example/ }).click()
  await page.getByRole('link', { name: 'Rosa’s phone' }).click()
  await page.getByRole('button', { name: 'Block now' }).click()
  await expect(page.getByText('Blocked. Its vault cannot be unlocked again.')).toBeVisible()
  expect(await phone.refusedOpen(fileId)).toContain('gatehouse-agent:')
  await expectInLog('action:device.block', owner.name, 'Rosa’s phone')
})

test('and erased: reason, a fresh second factor, the states with their times, a receipt that verifies', async () => {
  await page.goto('/devices')
  await page.getByRole('link', { name: 'Rosa’s phone' }).click()
  await page.getByRole('link', { name: 'Erase work data' }).click()
  await expect(page.getByText('Will be erased')).toBeVisible()
  await page.getByLabel('Reason', { exact: true }).selectOption('lost')
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await page.getByRole('button', { name: 'Erase work data' }).click()
  const steps = page.getByRole('list', { name: 'How far the erase has come' })
  await expect(steps).toContainText('Can be undone')
  await expect(page.getByText('signature verified')).toBeVisible({ timeout: 60_000 })
  await expect(steps).toContainText(/half destroyed/)
  await expect(page.getByText(/stay(ed)? unlocked until/)).toBeVisible()
  expect(await phone.status()).toHaveProperty('erasedAt')
})

test('every step is in the log', async () => {
  await expectInLog('action:device.wipe.receipt', 'Rosa’s phone')
  await page.goto('/audit?q=action%3Adevice.wipe')
  for (const action of ['device.wipe.request', 'device.wipe.queue', 'device.wipe.deliver', 'device.wipe.receipt'])
    await expect(page.getByRole('row').filter({ hasText: action })).toHaveCount(1)
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page.getByText(/^Not altered since|^Waiting for the next signature/)).toBeVisible()
})
