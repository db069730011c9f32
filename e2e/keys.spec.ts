import { spawnSync } from 'node:child_process'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { type Instance, startInstance } from './support/instance.ts'
import { type Owner, setUp, signIn } from './support/people.ts'
import { closeBrowsers, expect, expectAccessible, faultsOf, openBrowser, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const GATEHOUSE = path.resolve(import.meta.dirname, '../bin/gatehouse.mjs')

let instance: Instance
let owner: Owner
let page: Page

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  page = await (await openBrowser(browser, instance)).newPage()
  owner = await setUp(page, instance.setupUrl ?? '')
})

test.afterEach(async () => {
  const { status, expectedStatus } = test.info()
  if (status !== expectedStatus) await test.info().attach('faults of the product', { body: faultsOf(instance) })
})

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
})

function gatehouse(...args: string[]): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [GATEHOUSE, ...args], {
    env: instance.env as NodeJS.ProcessEnv,
    encoding: 'utf8',
  })
  return { stdout, stderr }
}

test('the data key is rotated with the second factor while the page looks on; the log says so', async () => {
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
  const before = JSON.parse(gatehouse('keys', 'list', '--json').stdout) as { master: { id: string } }
  const rotated = gatehouse('keys', 'rotate', 'master', '--json')
  expect(JSON.parse(rotated.stdout || '{}'), rotated.stderr).toMatchObject({ from: before.master.id, organisations: 1 })
  const other = await (await openBrowser(browser, instance)).newPage()
  await signIn(other, owner)
  await other.goto('/settings')
  await expect(other.getByText(before.master.id)).toHaveCount(0)
  await expect(other.getByText(/^file:[0-9a-f]{16}$/)).toBeVisible()
})
