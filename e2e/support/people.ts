import type { Page } from '@playwright/test'
import { Authenticator } from './authenticator.ts'
import { expect } from './test.ts'

export type Owner = {
  organisation: string
  name: string
  email: string
  password: string
  authenticator: Authenticator
}

type Founding = Omit<Owner, 'authenticator'>

export const NORTHWIND: Founding = {
  organisation: 'Northwind',
  name: 'Olga Berg',
  email: 'olga@northwind.example',
  password: 'correct horse battery',
}

/** From the one-time link to the Overview: organisation, password, second factor, recovery codes. */
export async function setUp(page: Page, setupUrl: string, founding: Founding = NORTHWIND): Promise<Owner> {
  await page.goto(setupUrl)
  await page.getByLabel('Organisation').fill(founding.organisation)
  await page.getByLabel('Your name').fill(founding.name)
  await page.getByLabel('Your email').fill(founding.email)
  await page.getByLabel('Password').fill(founding.password)
  await page.getByRole('button', { name: 'Continue' }).click()
  const authenticator = await enrolFactor(page)
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
  return { ...founding, authenticator }
}

/** Sets up an authenticator app by its typed secret and saves the recovery codes. */
export async function enrolFactor(page: Page): Promise<Authenticator> {
  await expect(page.getByRole('img', { name: 'QR code' })).toBeVisible()
  const authenticator = new Authenticator(
    (await page.getByText(/^[A-Z2-7]{4}( [A-Z2-7]{1,4}){3,}$/).textContent()) ?? '',
  )
  await page.getByLabel('Code from the app').fill(authenticator.code())
  await page.getByRole('button', { name: 'Confirm' }).click()
  const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
  await expect(codes).toHaveCount(10)
  authenticator.saveRecoveryCodes(await codes.allInnerTexts())
  await page.getByRole('link', { name: 'I have saved them' }).click()
  return authenticator
}

/** Password and second factor. */
export async function signIn(page: Page, owner: Pick<Owner, 'email' | 'password' | 'authenticator'>): Promise<void> {
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Second factor').fill(owner.authenticator.code())
  await page.getByRole('button', { name: 'Continue' }).click()
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible()
}

/** Sets the shortest time to undo, as an owner does in the settings: for tests of what comes after it. */
export async function shortenUndo(page: Page, { authenticator }: Pick<Owner, 'authenticator'>): Promise<void> {
  await page.goto('/settings')
  const form = page.getByRole('form', { name: 'The brake' })
  await form.getByLabel('Time to undo, in seconds').fill('5')
  await form.getByLabel('Second factor').fill(authenticator.code())
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('The brake was changed.', { exact: false })).toBeVisible()
}
