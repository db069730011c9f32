import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { founded } from './support/founded.ts'
import { signIn } from './support/people.ts'
import { expect, expectAccessible, openBrowser, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const GATEHOUSE = path.resolve(import.meta.dirname, '../bin/gatehouse.mjs')

const here = founded()

function gatehouse(...args: string[]): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [GATEHOUSE, ...args], {
    env: here.instance.env as NodeJS.ProcessEnv,
    encoding: 'utf8',
  })
  return { stdout, stderr }
}

test('the data key is rotated with the second factor while the page looks on; the log says so', async () => {
  const { owner, page } = here
  await page.goto('/settings')
  await expect(page.getByText('A file on the server')).toBeVisible()
  const form = page.getByRole('form', { name: 'Rotate the data key' })
  await form.getByRole('button').click()
  await form.getByLabel('Second factor').fill(owner.authenticator.code())
  await form.getByRole('button').click()
  await expect(page.getByText(/sealed anew; the older keys are destroyed/)).toBeVisible()
  await expect(page.getByText('rotated', { exact: true })).toBeVisible()
  await expectAccessible(page)
  await page.goto('/audit?q=action%3Akey.rotate')
  await expect(page.getByRole('link', { name: /key\.rotate/ }).first()).toBeVisible()
})

test('the master key is rotated on the server; who signs in then needs what both keys sealed', async ({ browser }) => {
  const { instance, owner } = here
  const before = JSON.parse(gatehouse('keys', 'list', '--json').stdout) as { master: { id: string } }
  const rotated = gatehouse('keys', 'rotate', 'master', '--json')
  expect(JSON.parse(rotated.stdout || '{}'), rotated.stderr).toMatchObject({ from: before.master.id, organisations: 1 })
  const other = await (await openBrowser(browser, instance)).newPage()
  await signIn(other, owner)
  await other.goto('/settings')
  await expect(other.getByText(before.master.id)).toHaveCount(0)
  await expect(other.getByText(/^file:[0-9a-f]{16}$/)).toBeVisible()
})
