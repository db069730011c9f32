import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { BrowserContext, Page } from '@playwright/test'
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
test.use({ viewport: { width: 360, height: 740 } })

const LARGE_BYTES = 160 * 1024 * 1024

let instance: Instance
let context: BrowserContext
let page: Page
let folder: string

test.beforeAll(async ({ browser }) => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-uploads-'))
  instance = await startInstance()
  context = await openBrowser(browser, instance)
  page = await context.newPage()
  await setUp(page, instance.setupUrl ?? '')
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
  fs.rmSync(folder, { recursive: true, force: true })
})

async function choose(name: string, bytes: Buffer): Promise<void> {
  const file = path.join(folder, name)
  fs.writeFileSync(file, bytes)
  await page.getByLabel('File', { exact: true }).setInputFiles(file)
}

async function openForm(): Promise<void> {
  await page.goto('/files/new')
  await page.getByText('Everyone in the organisation').click()
}

test('what cannot be published is said at the file', async () => {
  await openForm()
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByText('Choose a file of at most 200 MiB')).toBeVisible()
  await choose('empty.txt', Buffer.alloc(0))
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByText('This file is empty')).toBeVisible()
  await expectNoSidewaysScroll(page)
  await expectAccessible(page)
})

test('wrong labels are said after the file has arrived, and it is not sent again', async () => {
  await openForm()
  await choose('Small plan.txt', Buffer.from('The plan'))
  await page.getByLabel(/^Labels/).fill('two words')
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByText(/^Words of letters/)).toBeVisible()
  await page.getByLabel(/^Labels/).fill('internal')
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByRole('heading', { name: 'Small plan.txt' })).toBeVisible()
})

/** Resolves with the frame in which the bar has left its beginning: a look now and then might come too late. */
function hasMoved(): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if ((document.querySelector('progress')?.position ?? 0) > 0) resolve()
      else requestAnimationFrame(look)
    }
    look()
  })
}

// A browser without a network complains, as it should: its complaints are not collected here.
test('a large file shows how far it has come, and goes on by itself when the connection is back', async ({
  browser,
}) => {
  const travelling = await browser.newContext({
    baseURL: instance.consoleUrl,
    viewport: { width: 360, height: 740 },
    storageState: await context.storageState(),
  })
  const before = page
  page = await travelling.newPage()
  await openForm()
  await choose('Large plan.bin', Buffer.alloc(LARGE_BYTES, 'plan'))
  await page.getByRole('button', { name: 'Publish' }).click()
  await expect(page.getByRole('progressbar', { name: 'Sending Large plan.bin' })).toBeVisible()
  await page.evaluate(hasMoved)
  await travelling.setOffline(true)
  await expect(page.getByText('The connection is interrupted')).toBeVisible()
  await expectNoSidewaysScroll(page)
  await travelling.setOffline(false)
  await expect(page.getByRole('heading', { name: 'Large plan.bin' })).toBeVisible({ timeout: 120_000 })
  await expect(page.getByText('160 MiB')).toBeVisible()
  await travelling.close()
  page = before
})

test('a file of history is shown as it would stand in the log, imported, and found there', async () => {
  const rows = Array.from(
    { length: 25 },
    (_, n) => `e${n},2019-07-01T10:${10 + n}:00Z,VIEW,ann@old.example,Plan ${n}.pdf`,
  )
  const text = ['Event ID,Timestamp,Operation,User Email,File name', ...rows, 'bad,never,VIEW,,'].join('\n')
  await page.goto('/audit')
  await page.getByRole('link', { name: 'Import', exact: true }).click()
  await choose('Old log.csv', Buffer.from(text))
  const mapping = page.getByLabel('Mapping', { exact: true })
  await expect(mapping).toHaveValue(/"name": "old log"/)
  await mapping.fill((await mapping.inputValue()).replace('"values": {}', '"values": { "VIEW": "file.view" }'))
  await expect(page.getByRole('button', { name: 'Import', exact: true })).toHaveAttribute('aria-disabled', 'true')
  await page.getByRole('button', { name: 'Show the first rows' }).click()
  await expect(page.getByRole('cell', { name: 'Plan 0.pdf', exact: true })).toBeVisible()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByText('25 events were taken, none was there already, 1 line was rejected.')).toBeVisible()
  await expect(page.getByText('Line 27:')).toBeVisible()
  await expectNoSidewaysScroll(page)
  await expectAccessible(page)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download the rejected lines' }).click()
  expect(fs.readFileSync(await (await downloading).path(), 'utf8')).toContain('"line":27,"code":"time_invalid"')
  await page.getByRole('link', { name: 'Show in the log' }).click()
  await expect(page.getByText('Plan 24.pdf').first()).toBeVisible()
  await page.goto('/audit?q=action:audit.import')
  await expect(page.getByText('History imported').first()).toBeVisible()
})

test('in Chinese the same', async () => {
  await context.addCookies([{ name: 'locale', value: 'zh', url: instance.consoleUrl }])
  await page.goto('/files/new')
  const file = page.getByLabel('文件', { exact: true })
  await file.setInputFiles({ name: '空.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
  await page.getByText('组织内所有人').click()
  await page.getByRole('button', { name: '发布' }).click()
  await expect(page.getByText('此文件为空')).toBeVisible()
  await file.setInputFiles({ name: '计划.txt', mimeType: 'text/plain', buffer: Buffer.from('计划') })
  await page.getByRole('button', { name: '发布' }).click()
  await expect(page.getByRole('heading', { name: '计划.txt' })).toBeVisible()
  await expectNoSidewaysScroll(page)
})
