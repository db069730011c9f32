import { type Instance, startInstance } from './support/instance.ts'
import { NORTHWIND, type Owner, setUp, signIn } from './support/people.ts'
import { alertOf, closeBrowsers, expect, openBrowser, reportFaults, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

let instance: Instance
let owner: Owner

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  const context = await openBrowser(browser, instance)
  owner = await setUp(await context.newPage(), instance.setupUrl ?? '', NORTHWIND)
  await context.close()
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
})

test('a code of the authenticator works once', async ({ browser }) => {
  const page = await (await openBrowser(browser, instance)).newPage()
  await signIn(page, owner)
  await page.goto('/account')
  await page.getByRole('button', { name: /^Account of/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('Email').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Second factor').fill(owner.authenticator.usedCode())
  await page.getByRole('button', { name: 'Continue' }).click()
  await expect(alertOf(page)).toBeVisible()
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await page.getByRole('button', { name: 'Continue' }).click()
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  await page.goto('/audit?q=action%3Aauth.second_factor.challenge%20outcome%3Adenied')
  await expect(page.getByRole('row').nth(1)).toContainText(owner.name)
})

test('an unknown account and a wrong password get the same answer', async ({ browser }) => {
  const page = await (await openBrowser(browser, instance)).newPage()
  const answers: string[] = []
  for (const email of [owner.email, 'nobody@northwind.example']) {
    await page.goto('/sign-in')
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill('not the password at all')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const said = alertOf(page)
    await expect(said).toBeVisible()
    answers.push((await said.textContent()) ?? '')
  }
  expect(answers[1]).toBe(answers[0])
  await signIn(page, owner)
  await page.goto('/audit?q=action%3Aauth.sign_in%20outcome%3Adenied')
  await expect(page.getByRole('row').filter({ hasText: owner.name })).toHaveCount(1)
})

test('a session that was signed out elsewhere is dead at once', async ({ browser }) => {
  const page = await (await openBrowser(browser, instance)).newPage()
  await signIn(page, owner)
  const other = await (await openBrowser(browser, instance)).newPage()
  await signIn(other, owner)
  // No live stream here, whose end the browser would complain about.
  await other.goto('/account')
  await page.goto('/account')
  await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
  await expect(page.getByRole('button', { name: 'Sign out everywhere else' })).toBeHidden()
  await other.goto('/devices')
  await expect(other).toHaveURL(/\/sign-in/)
  await page.goto('/audit?q=action%3Asession.revoke')
  await expect(page.getByRole('row').nth(1)).toContainText(owner.name)
})
