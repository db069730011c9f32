import path from 'node:path'
import type { Page } from '@playwright/test'
import { uuidv7 } from '#lib/uuid.ts'
import { type Instance, startInstance } from './support/instance.ts'
import { gatehouse, shownKey } from './support/operator.ts'
import { NORTHWIND, type Owner, setUp } from './support/people.ts'
import {
  closeBrowsers,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  openBrowser,
  reportFaults,
  test,
} from './support/test.ts'

// What a compliance officer does with the log, in a log of ten thousand events.
const EVENTS = 10_000
const CAPTURES = 12
const DAY_MS = 86_400_000

let instance: Instance
let owner: Owner
let page: Page
let apiKey: string

test.beforeAll(async ({ browser }) => {
  instance = await startInstance()
  page = await (await openBrowser(browser, instance)).newPage()
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  owner = await setUp(page, instance.setupUrl ?? '', NORTHWIND)
  const key = ['api-key', 'create', '--name', 'Plan viewer', '--scopes', 'audit:write,audit:read', '--json']
  apiKey = (await gatehouse<{ token: string }>(instance, key)).token
  const all = Array.from({ length: EVENTS }, (_, place) => anEvent(place))
  await state(all.slice(0, EVENTS / 2))
  await state(all.slice(EVENTS / 2))
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
})

type Stated = { action: string; outcome?: string; enforcement?: string; at: string; target: object; labels?: string[] }

/** Reading, oldest first over thirty days; every so often a capture that was noticed. */
function anEvent(place: number): Stated {
  const isCapture = place % Math.floor(EVENTS / CAPTURES) === 7
  const at = new Date(Date.now() - 30 * DAY_MS + (place * 30 * DAY_MS) / EVENTS).toISOString()
  const target = { type: 'file', id: `plan-${place % 40}`, name: `Plan ${place % 40}.pdf` }
  if (isCapture) return { action: 'screenshot.attempt', enforcement: 'detected', at, target, labels: ['confidential'] }
  return { action: 'file.view', outcome: place % 9 === 0 ? 'denied' : 'allowed', at, target }
}

/** Events of the organisation’s own app. */
async function state(events: readonly Stated[]): Promise<void> {
  const lines = events.map((event) => JSON.stringify({ id: uuidv7(), person: { email: owner.email }, ...event }))
  const response = await fetch(`${instance.consoleUrl}/api/v1/audit/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  })
  expect(await response.json()).toMatchObject({ accepted: events.length, rejected: [] })
}

const rows = () => page.getByRole('row')
const newest = () => rows().nth(1)
const bars = () => page.getByRole('listbox', { name: /events? from/ })
const queryLine = () => page.getByRole('combobox', { name: 'Search the log' })
const completion = (name: RegExp) =>
  page.getByRole('listbox', { name: 'Completions' }).getByRole('option', { name }).first()
const param = (name: string) => new URL(page.url()).searchParams.get(name)

/** Opens the log; its figures come by script: once they are there, the page obeys the keyboard. */
async function open(path: string): Promise<void> {
  await page.goto(path)
  await expect(bars()).toBeVisible()
  await expect(newest()).toBeVisible()
}

const search = (q: string) => open(`/audit?q=${encodeURIComponent(q)}`)

test('a question writes the query, and the counts are honest', async () => {
  await open('/audit')
  await expect(page.getByText('2,000+ in all')).toBeVisible()
  await expect(page.getByText('Among the newest 2,000 matches')).toBeVisible()
  const question = page.getByRole('form', { name: 'Who tried to capture?' })
  await page.getByText('Who tried to capture?').click()
  await expect(question.getByRole('combobox')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(question).toBeHidden()
  await page.keyboard.press('/')
  await expect(queryLine()).toBeFocused()
  await page.getByText('Who tried to capture?').click()
  await question.getByRole('button', { name: 'Ask' }).click()
  await expect(queryLine()).toHaveValue(/action:screenshot\.attempt/)
  await expect(page.getByText(`${CAPTURES} in all`)).toBeVisible()
  await expect(newest()).toContainText('noticed; it was probably taken')
  await expect(newest()).toContainText('app Plan viewer')
  await expect(page.getByText(/^Looked at everything recorded since/)).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('columnheader', { name: /^Time/ }).getByRole('link').click()
  await expect(page.getByText(/^Looked at everything recorded up to/)).toBeVisible()
})

test('the query line completes fields, values and names; the sentence says what it means', async () => {
  await open('/audit')
  await queryLine().fill('act')
  await completion(/actor:/).click()
  await queryLine().pressSequentially('olg')
  await expect(completion(/Olga Berg/)).toBeVisible()
  await queryLine().press('ArrowDown')
  await queryLine().press('ArrowUp')
  await queryLine().press('Enter')
  await expect(queryLine()).toHaveValue(/^actor:[0-9a-f-]{36} $/)
  await queryLine().pressSequentially('-outcome:de')
  await completion(/denied/).click()
  await queryLine().press('Enter')
  await expect(page.getByText('actor is “Olga Berg” and outcome is not “denied”')).toBeVisible()
  await expect(newest()).toContainText('allowed')
  // A field shows such characters wrongly or not at all: they are named below it.
  await queryLine().fill('actor:"Olga\u202e" -label:x\u200b')
  const unseen = page.getByRole('status').filter({ hasText: 'U+202E (reorders text), U+200B (invisible)' })
  await expect(unseen).toContainText('actor:"Olga\\u{202e}" -label:x\\u{200b}')
  await queryLine().fill('actor:"Olga"')
  await expect(unseen).toHaveCount(0)
})

test('the query line has colours, which follow its text: long, wrong, composed and undone', async () => {
  await open('/audit')
  const colours = queryLine().locator('xpath=following-sibling::*[@aria-hidden]')
  const piece = (text: string) => colours.getByText(text, { exact: true })
  await queryLine().fill('-actor:"Lin Wei" OR outcome:perhaps merger ')
  await expect(colours).toHaveText('-actor:"Lin Wei" OR outcome:perhaps merger', { useInnerText: false })
  await expect(piece('-actor:')).toHaveCSS('color', 'rgb(11, 92, 173)')
  await expect(piece('"Lin Wei"')).toHaveCSS('color', 'rgb(91, 75, 183)')
  await expect(piece('perhaps')).toHaveCSS('text-decoration-style', 'wavy')
  await expect(queryLine()).toHaveCSS('color', 'rgba(0, 0, 0, 0)')
  await expectAccessible(page)
  // Where the reader's system chooses the colours, the field shows its own text, and a switch its state.
  await page.emulateMedia({ forcedColors: 'active' })
  await expect(colours).toBeHidden()
  await expect(page.getByRole('switch', { name: 'Live' })).toHaveCSS('appearance', 'auto')
  await page.emulateMedia({ forcedColors: null })
  // A value that is still being written is not called wrong.
  await queryLine().fill('outcome:perh')
  await expect(piece('perh')).not.toHaveCSS('text-decoration-style', 'wavy')

  const scrolled = () =>
    queryLine().evaluate((field: HTMLInputElement) => [
      field.scrollLeft,
      field.parentElement?.querySelector('[data-query-colours]')?.scrollLeft,
    ])
  await queryLine().fill('quarterly '.repeat(60))
  await queryLine().press('End')
  await expect.poll(async () => (await scrolled())[0]).toBeGreaterThan(1_000)
  const [field, line] = await scrolled()
  expect(line).toBe(field)
  await queryLine().press('Home')
  await expect.poll(scrolled).toEqual([0, 0])

  await queryLine().fill('')
  await queryLine().pressSequentially('lin')
  await queryLine().press('ControlOrMeta+z')
  await expect(queryLine()).not.toHaveValue('lin')
  await queryLine().fill('')
  // An input method marks what it composes in the colour of the field's own text.
  const input = await page.context().newCDPSession(page)
  await input.send('Input.imeSetComposition', { text: 'wang', selectionStart: 4, selectionEnd: 4 })
  await expect(colours).toHaveCount(0)
  await expect(queryLine()).not.toHaveCSS('color', 'rgba(0, 0, 0, 0)')
  await input.send('Input.insertText', { text: '王' })
  await expect(colours).toHaveText('王')
  await expect(queryLine()).toHaveValue('王')
})

test('the histogram is zoomed with the pointer and the keyboard, and back', async () => {
  await search('action:file.view')
  const box = await bars().boundingBox()
  if (!box) throw new Error('the histogram has no box')
  await page.mouse.move(box.x + box.width * 0.25, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 4 })
  await page.mouse.up()
  await expect(page).toHaveURL(/from=/)
  const [from, to] = [Date.parse(param('from') ?? ''), Date.parse(param('to') ?? '')]
  expect((to - from) / DAY_MS).toBeGreaterThan(5)
  expect((to - from) / DAY_MS).toBeLessThan(10)
  const range = page.getByRole('combobox', { name: 'Time', exact: true })
  await expect(range).toHaveValue('custom')
  await expect(page.getByLabel('From', { exact: true })).toHaveValue(/^\d{4}-\d\d-\d\dT/)
  await bars().focus()
  for (const key of ['Home', 'ArrowRight', 'Shift+ArrowRight', 'Shift+ArrowRight']) await bars().press(key)
  await expect(bars().getByRole('option', { selected: true })).toHaveCount(3)
  await bars().press('Enter')
  await expect.poll(() => Date.parse(param('from') ?? '')).toBeGreaterThan(from)
  await page.getByRole('link', { name: 'Any time' }).click()
  await expect(page).not.toHaveURL(/from=/)
  await expect(range).toHaveValue('all')
})

test('an event opens beside the list, which stays; from it to all that its person did, by a link of its own', async () => {
  await search('action:screenshot.attempt')
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/audit\/[0-9a-f-]{36}\?q=/)
  await expect(page.getByText('stated by an app (Plan viewer)')).toBeVisible()
  await expect(page.getByText(/^noticed; it was probably taken “Plan \d+\.pdf”$/)).toBeVisible()
  await expect(rows().nth(2)).toHaveAttribute('aria-current', 'true')
  await page.keyboard.press('Escape')
  await expect(page).toHaveURL(/\/audit\?q=/)
  await page.keyboard.press('Enter')
  await expect(page.getByText('stated by an app (Plan viewer)')).toBeVisible()
  await page.getByRole('button', { name: 'Copy link' }).click()
  const permalink = await page.evaluate(() => navigator.clipboard.readText())
  expect(permalink).toMatch(/\/audit\/[0-9a-f-]{36}$/)
  await page.getByRole('link', { name: 'All by Olga Berg' }).click()
  await expect(page.getByText('actor is “Olga Berg”')).toBeVisible()
  await page.goto(permalink)
  await expect(page.getByText(/^Not altered since|^Waiting for the next signature/)).toBeVisible()
})

test('a search is kept, renamed and opened again; the log says before and after', async () => {
  await open('/audit?q=outcome%3Adenied&last=30d&cols=time,actor,result')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Save this search…' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Refusals')
  await page.getByLabel('Share it').check()
  await page.getByRole('button', { name: 'Save view' }).click()
  await expect(page.getByText('The view was saved')).toBeVisible()
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Rename, share, remove…' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Refused')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(page.getByText('The view was changed')).toBeVisible()
  await open('/audit')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Refused' }).click()
  await expect(page).toHaveURL(/q=outcome%3Adenied&last=30d&cols=/)
  await expect(page.getByRole('columnheader')).toHaveText([/^Time/, 'Actor', 'Result'])
  await search('action:audit.view.update')
  await newest().getByRole('link').click()
  await expect(page.getByRole('region', { name: 'Details' })).toContainText(/− Refusals\s*after: \+ Refused/)
})

test('a copied link keeps the search, and with fixed times it stays what it is', async () => {
  await open('/audit?q=outcome%3Adenied&last=7d')
  const copied = async (item: string) => {
    await page.getByRole('button', { name: 'Link' }).click()
    await page.getByRole('menuitem', { name: item, exact: true }).click()
    await expect(page.getByText('Copied').last()).toBeVisible()
    return new URL(await page.evaluate(() => navigator.clipboard.readText())).searchParams
  }
  expect((await copied('Copy link')).get('last')).toBe('7d')
  const fixed = await copied('Copy link with fixed times')
  expect(fixed.get('last')).toBeNull()
  expect(Date.parse(fixed.get('to') ?? '') - Date.parse(fixed.get('from') ?? '')).toBeGreaterThanOrEqual(7 * DAY_MS)
})

test('new events appear on top; whoever reads further down is told how many wait', async () => {
  await search('action:screenshot.attempt')
  const fresh = (name: string) => ({
    ...anEvent(7),
    at: new Date().toISOString(),
    target: { type: 'file', id: name, name },
  })
  await state([fresh('Board minutes.pdf')])
  await expect(newest()).toContainText('Board minutes.pdf')
  await search('action:file.view')
  await page.mouse.move(800, 600)
  // More rows come after the first ones: until then there is little to scroll.
  await expect(async () => {
    await page.mouse.wheel(0, 3_000)
    await expect(newest()).not.toContainText('Plan 39', { timeout: 1_000 })
  }).toPass()
  const viewed = (name: string) => ({ ...fresh(name), action: 'file.view', enforcement: undefined as never })
  await state([viewed('Annex A.pdf'), viewed('Annex B.pdf')])
  await page.getByRole('button', { name: '2 new events' }).click()
  await expect(newest()).toContainText(/Annex/)
  await page.getByRole('switch', { name: 'Live' }).uncheck()
})

test('what a search finds is exported, and anybody can verify it', async () => {
  await search('action:screenshot.attempt')
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  await page.getByRole('button', { name: 'Start the export' }).click()
  const link = page.getByRole('link', { name: /^Download the export of/ })
  await expect(link).toBeVisible({ timeout: 30_000 })
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
  const file = path.join(instance.dataDir, download.suggestedFilename())
  await download.saveAs(file)
  // It exits with 0 only when everything holds; the helper throws on anything else.
  const key = ['--key', await shownKey(page)]
  expect(await gatehouse<{ ok: boolean }>(instance, ['verify', file, ...key, '--json'])).toMatchObject({ ok: true })
})

test('what does not exist is said inside the frame, as the one main part of the page, with the search for it', async () => {
  // Not by `goto`, which waits for every late part: of a page that turns out not to exist, React may leave one hidden for good.
  const id = uuidv7()
  await page.evaluate((to) => window.location.assign(to), `/devices/${id}`)
  await expect(page.getByRole('heading', { level: 1, name: 'Nothing with this id is here' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Search the log for it' })).toHaveAttribute('href', `/audit?q=${id}`)
  await expect(page.getByRole('main')).toHaveCount(1)
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Audit log' })).toBeVisible()
  await expectAccessible(page)
})

/** Scrolls to the end of the list as fast as frames come; the most rows that were drawn at once. */
async function scrollThrough(): Promise<number> {
  return page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
    let most = 0
    for (let still = 0, last = -1; still < 40; ) {
      window.scrollBy(0, 1_200)
      await frame()
      most = Math.max(most, document.querySelectorAll('[data-row]').length)
      still = window.scrollY === last ? still + 1 : 0
      last = window.scrollY
      const count = document.querySelector('[role="table"]')?.getAttribute('aria-rowcount')
      // More is on its way: the end of the page is not the end of the list.
      if (count === '-1') still = 0
    }
    return most
  })
}

// How long it blocks is measured by `npm run bench audit-screen`: only a quiet machine can tell.
test('ten thousand events are scrolled through with few rows in the page', async () => {
  await search('person OR "Plan viewer" OR Plan')
  expect(await scrollThrough()).toBeLessThanOrEqual(120)
  expect(Number(await page.getByRole('table').getAttribute('aria-rowcount'))).toBeGreaterThan(EVENTS)
})

// What the server drew and what the browser draws first must be the same, or React says so: any complaint fails the test.
test('whoever has scrolled before the page is taken over stays where they are', async () => {
  const early = await page.context().newPage()
  await early.addInitScript(() => {
    const down = () => {
      if (document.body) window.scrollTo(0, 1_000)
      if (window.scrollY < 900) requestAnimationFrame(down)
      else Object.assign(window, { isDown: true })
    }
    down()
  })
  await early.goto('/audit')
  await expect.poll(() => early.evaluate(() => 'isDown' in window)).toBe(true)
  await expect(early.getByRole('listbox', { name: /events? from/ })).toBeVisible()
  expect(await early.evaluate(() => window.scrollY)).toBeGreaterThanOrEqual(900)
  await early.close()
})

test('a name without a space stays inside a narrow screen', async () => {
  const name = `${'Quarterly_consolidated_'.repeat(6)}.pdf`
  await state([{ action: 'file.view', at: new Date().toISOString(), target: { type: 'file', id: 'long-name', name } }])
  const narrow = await page.context().newPage()
  await narrow.setViewportSize({ width: 360, height: 740 })
  await narrow.goto('/audit?q=target%3Along-name')
  await expectNoSidewaysScroll(narrow)
  await narrow.getByRole('table').getByRole('link').last().click()
  await expect(narrow.getByText(`“${name}”`)).toBeVisible()
  await expectNoSidewaysScroll(narrow)
  await narrow.close()
})

test('on a phone two results stand on the first screen; questions, chart and counts unfold', async () => {
  const phone = await page.context().newPage()
  await phone.setViewportSize({ width: 360, height: 740 })
  const results = phone.getByRole('table').getByRole('row')
  for (const locale of ['zh', 'en']) {
    await page.context().addCookies([{ name: 'locale', value: locale, url: instance.consoleUrl }])
    await phone.goto('/audit?q=action%3Afile.view&from=2026-01-01T00%3A00%3A00Z&to=2100-01-01T00%3A00%3A00Z')
    await expect(results.first()).toBeInViewport({ ratio: 1 })
    await phone.goto('/audit?q=action%3Afile.view+-outcome%3Adenied&last=7d')
    for (const index of [0, 1]) await expect(results.nth(index)).toBeInViewport({ ratio: 1 })
  }
  await expect(phone.getByText('Who saw this file?')).toBeHidden()
  await phone.getByText('Ask a question').click()
  await expect(phone.getByText('Who saw this file?')).toBeVisible()
  const counts = phone.getByRole('region', { name: 'Counts' })
  await expect(counts).toBeHidden()
  await phone.getByText('Chart and counts').click()
  await expect(phone.getByRole('listbox', { name: /events? from/ })).toBeVisible()
  await expectAccessible(phone)
  // Whoever narrows the search by a count sees what is left.
  await counts.getByRole('link', { name: 'Only Olga Berg' }).click()
  await expect(phone).toHaveURL(/actor/)
  await expect(counts).toBeHidden()
  await expect(results.first()).toBeInViewport({ ratio: 1 })
  // An event has the screen for itself.
  await phone.getByText('Chart and counts').click()
  await results.first().getByRole('link').click()
  await expect(phone.getByText('stated by an app (Plan viewer)')).toBeVisible()
  await expect(phone.getByRole('listbox', { name: /events? from/ })).toBeHidden()
  await phone.close()
})
