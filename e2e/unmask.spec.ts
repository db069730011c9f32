import type { Page } from '@playwright/test'
import { founded } from './support/founded.ts'
import { gatehouse } from './support/operator.ts'
import { expect, expectAccessible, openBrowser, test } from './support/test.ts'

test.describe.configure({ mode: 'serial' })

const REASON = 'Complaint 2026-117 of the works council'
const PASSWORD = 'a long enough passphrase'

const here = founded()
/** What Lin Wei has of it all: the workspace. */
let own: Page

/** Invites by the API and gives the link of the mail. */
async function invite(name: string, email: string): Promise<string> {
  const args = ['api-key', 'create', '--name', 'invites', '--scopes', 'people:write', '--json']
  const { token } = await gatehouse<{ token: string }>(here.instance, args)
  const response = await fetch(`${here.instance.consoleUrl}/api/v1/people`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, email, role: 'member' }),
  })
  return ((await response.json()) as { invitation: { url: string } }).invitation.url
}

/** The row of the enrolment; what the search's figures offer to narrow it by are links to that person, too. */
const PSEUDONYMOUS = /Person [0-9A-Z]{4}-[0-9A-Z]{4} · .*device\.enroll/

const barOf = (page: Page) => page.getByRole('region', { name: 'Names' })

test('a member joins', async ({ browser }) => {
  own = await (await openBrowser(browser, here.instance)).newPage()
  await own.goto(await invite('Lin Wei', 'lin.wei@northwind.example'))
  await own.getByLabel('Password').fill(PASSWORD)
  await own.getByRole('button', { name: 'Join' }).click()
  await own.getByRole('button', { name: 'Make this browser a device' }).first().click()
  await expect(own.getByRole('heading', { name: 'Files' })).toBeVisible()
  await own.goto('about:blank')
})

test('an administrator sees pseudonyms, and a name finds nothing', async ({ browser }) => {
  const { owner, page: desk } = here
  await desk.goto('/people/new')
  await desk.getByLabel('Name').fill('Adam Stone')
  await desk.getByLabel('Email').fill('adam@northwind.example')
  await desk.getByLabel('Role').selectOption('admin')
  await desk.getByLabel('Second factor').fill(owner.authenticator.code())
  await desk.getByRole('button', { name: 'Invite' }).click()
  const link = await desk
    .getByText(/\/invite\//)
    .first()
    .textContent()
  const admin = await (await openBrowser(browser, here.instance)).newPage()
  await admin.goto(link ?? '')
  await admin.getByLabel('Password').fill(PASSWORD)
  await admin.getByRole('button', { name: 'Join' }).click()
  await expect(admin.getByRole('heading', { name: 'Overview' })).toBeVisible()
  await admin.goto('/audit?q=action%3Adevice.enroll')
  await expect(barOf(admin)).toContainText('Names are hidden from your role')
  await expect(admin.getByRole('link', { name: PSEUDONYMOUS })).toBeVisible()
  await expect(admin.getByText('Lin Wei')).toHaveCount(0)
  await expectAccessible(admin)
  await desk.goto('/audit?q=actor%3A%22Lin%20Wei%22')
  await desk.getByRole('button', { name: 'Views' }).click()
  await desk.getByRole('menuitem', { name: 'Save this search…' }).click()
  const dialog = desk.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name' }).fill('What Lin Wei did')
  await dialog.getByLabel('Share it').check()
  await dialog.getByRole('button', { name: 'Save view' }).click()
  await expect(dialog).toBeHidden()
  await admin.reload()
  await admin.getByRole('button', { name: 'Views' }).click()
  const shared = admin.getByRole('menuitem', { name: 'Names somebody' })
  await expect(shared).toBeDisabled()
  await expect(shared).toContainText('hidden from you now')
  await expect(admin.getByText('Lin Wei')).toHaveCount(0)
  await admin.goto('/audit?q=actor%3A%22Lin%20Wei%22')
  await expect(barOf(admin)).toContainText('nothing answers to actor:"Lin Wei"')
  await expect(admin.getByRole('link', { name: /device\.enroll/ })).toHaveCount(0)
})

test('with the setting on the owner gives a reason, sees names, and hides them again', async () => {
  const { page: desk } = here
  await desk.goto('/settings')
  await desk.getByRole('button', { name: 'Ask for a reason' }).click()
  await expect(desk.getByRole('button', { name: 'No longer ask' })).toBeVisible()
  await desk.goto('/audit?q=action%3Adevice.enroll')
  await expect(desk.getByRole('link', { name: PSEUDONYMOUS })).toBeVisible()
  await barOf(desk).getByRole('button', { name: 'Show names…' }).click()
  const dialog = desk.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('curious')
  await dialog.getByRole('button', { name: 'Show names' }).click()
  await expect(dialog.getByText(/at least 10 characters/).first()).toBeVisible()
  await expectAccessible(desk)
  await dialog.getByLabel('Reason').fill(REASON)
  await dialog.getByRole('button', { name: 'Show names' }).click()
  await expect(desk.getByRole('link', { name: /Lin Wei · .*device\.enroll/ })).toBeVisible()
  await expect(barOf(desk).getByRole('timer')).toHaveText(/^(30:00|29:\d\d)$/)
  await barOf(desk).getByRole('button', { name: 'Hide again' }).click()
  await expect(desk.getByRole('link', { name: PSEUDONYMOUS })).toBeVisible()
  await expect(desk.getByText('Lin Wei')).toHaveCount(0)
})

test('it stands on that person’s own page, with the reason', async () => {
  await own.goto('/workspace/me')
  await expect(own.getByRole('list', { name: 'What was recorded about me' })).toContainText(REASON)
})
