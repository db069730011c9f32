import { readFileSync } from 'node:fs'
import { founded } from './support/founded.ts'
import { expect, expectAccessible, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const here = founded()

test('self-checked, and why; an address is added with the second factor, and the log says so', async () => {
  const { owner, page } = here
  // The first checkpoint is signed within ten seconds of the first event.
  await expect(async () => {
    await page.goto('/trust')
    await expect(page.getByText('self-checked', { exact: true })).toBeVisible({ timeout: 1_000 })
  }).toPass({ timeout: 30_000 })
  await expect(page.getByText('Nobody outside is shown the checkpoints.', { exact: false })).toBeVisible()
  await expect(page.getByText('SMTP_URL is not set', { exact: false })).toBeVisible()
  await page.getByRole('button', { name: 'Add an address' }).click()
  const form = page.getByRole('form', { name: 'Add an address' })
  await form.getByLabel('Email').fill('auditor@example.org')
  await form.getByLabel('Second factor').fill(owner.authenticator.code())
  await form.getByRole('button').click()
  await expect(page.getByText('holds nothing yet')).toBeVisible()
  await expect(page.getByText('Nobody outside holds a checkpoint', { exact: false })).toBeVisible()
  await expectAccessible(page)
  await page.goto('/audit?q=action%3Atenant.update')
  await expect(page.getByRole('link', { name: /tenant\.update/ }).first()).toBeVisible()
})

test('the checkpoint is downloaded as it was signed', async () => {
  const { page } = here
  await page.goto('/trust')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Newest checkpoint' }).click(),
  ])
  const note = readFileSync(await download.path(), 'utf8')
  expect(note).toMatch(/^localhost:\d+\/log\/[0-9a-f-]{36}\n\d+\n\S+\n\n— localhost/)
})
