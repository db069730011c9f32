import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Page } from '@playwright/test'
import { type Instance, startInstance } from './support/instance.ts'
import { gatehouse, shownKey } from './support/operator.ts'
import { setUp } from './support/people.ts'
import { Phone } from './support/phone.ts'
import { closeBrowsers, expect, expectAccessible, openBrowser, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const GATEHOUSE = path.resolve(import.meta.dirname, '../bin/gatehouse.mjs')
const FILE = '合并计划 Merger plan.txt'

let instance: Instance
let phone: Phone
let page: Page
let fileId: string

/** The admin API as somebody with a key of the organisation uses it. */
async function api(token: string, to: string, body: object | FormData): Promise<Record<string, string>> {
  const json = body instanceof FormData ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(`${instance.consoleUrl}/api/v1${to}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...json } as Record<string, string>,
    body: body instanceof FormData ? body : JSON.stringify(body),
  })
  expect(answer.ok, `${to}: ${answer.status}`).toBe(true)
  return answer.json()
}

/** A file for Rosa, who opens it on her phone and takes a picture of the screen. */
async function letRosaSeeIt(): Promise<void> {
  const scopes = 'people:write,devices:write,content:write'
  const { token } = await gatehouse<{ token: string }>(instance, [
    ...['api-key', 'create', '--name', 'e2e', '--scopes', scopes, '--json'],
  ])
  const email = 'rosa@northwind.example'
  await api(token, '/people', { name: '王小明 Rosa', email, role: 'member' })
  const { code } = await api(token, '/enrollment-codes', { personEmail: email })
  await phone.enroll(code ?? '')
  const form = new FormData()
  form.set('file', new File(['The plan'], FILE, { type: 'text/plain' }))
  form.set('name', FILE)
  form.set('audience', email)
  fileId = (await api(token, '/files', form)).id ?? ''
  await phone.files()
  await phone.open(fileId)
  await phone.reportScreenshot(fileId)
}

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  phone = new Phone(instance)
  page = await (await openBrowser(browser, instance, { acceptDownloads: true })).newPage()
  await setUp(page, instance.setupUrl ?? '')
  await letRosaSeeIt()
})

test.afterAll(async () => {
  await phone?.putAway()
  await closeBrowsers()
  await instance?.stop()
})

test('the question finds the file by its name and writes the query, which is told in a sentence', async () => {
  await page.goto('/audit')
  const question = page.getByRole('form', { name: 'Who saw this file?' })
  await page.getByText('Who saw this file?', { exact: true }).click()
  await question.getByRole('combobox').fill('merger')
  await page.getByRole('option', { name: FILE }).click()
  await question.getByRole('button', { name: 'Ask' }).click()
  await expect(page.getByRole('combobox', { name: 'Search the log' })).toHaveValue(
    new RegExp(`action:file.view .*${fileId}$`),
  )
  await expect(page.getByText(new RegExp(`“${FILE}”`)).first()).toBeVisible()
})

test('and leads to the table by person: who, when, on what, how we know, and what the answer rests on', async () => {
  await page.getByText('Who saw this file?', { exact: true }).click()
  const question = page.getByRole('form', { name: 'Who saw this file?' })
  await question.getByRole('combobox').fill('merger')
  await page.getByRole('option', { name: FILE }).click()
  await question.getByRole('button', { name: 'Table by person' }).click()
  await expect(page.getByRole('heading', { name: `Who saw “${FILE}”?` })).toBeVisible()
  // The picture that was taken is in no log: nobody can say "nobody else".
  await expect(page.getByText('1 person saw it; no other recorded viewer; it left the log’s sight once.')).toBeVisible()
  const rosa = page.getByRole('table', { name: 'People' }).getByRole('row').filter({ hasText: '王小明 Rosa' })
  for (const said of ['Rosa’s phone', '1 noticed, probably taken', '1 seen by server, 2 stated by device'])
    await expect(rosa).toContainText(said)
  await expect(page.getByText('The one device involved or entitled is complete')).toBeVisible()
  await expectAccessible(page)
})

test('the sealed report verifies with the product’s own command, and is in the log', async () => {
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Sealed report' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toMatch(/^who-saw-.*\.zip$/)
  const [file, vkey] = [await download.path(), await shownKey(page)]
  const { stdout } = await promisify(execFile)(process.execPath, [GATEHOUSE, 'verify', file, '--key', vkey, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ ok: true })
  await page.goto('/audit?q=action%3Aaudit.export')
  await expect(page.getByRole('row').nth(1)).toContainText(FILE)
})
