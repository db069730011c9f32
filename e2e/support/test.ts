import AxeBuilder from '@axe-core/playwright'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  test as base,
  type ConsoleMessage,
  expect,
  type Locator,
  type Page,
} from '@playwright/test'
import type { Instance } from './instance.ts'
import { awaitWholePages } from './whole-pages.ts'

/** What the browsers of this file complained about since the last test. */
const complaints: string[] = []

const browsers = new Set<BrowserContext>()

/** Closes every browser of this file; before its instance stops, or their complaints about that meet the next file's tests. */
export async function closeBrowsers(): Promise<void> {
  await Promise.all([...browsers].map((context) => context.close()))
  browsers.clear()
  complaints.length = 0
}

/** Playwright's test, in which whatever a browser complains about fails the test. */
export const test = base.extend<{ quiet: undefined }>({
  quiet: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from the pattern
    async ({}, use) => {
      await use(undefined)
      expect(complaints.splice(0), 'complaints of the browser').toEqual([])
    },
    { auto: true },
  ],
})

/** Gives the report of each test that failed what the product itself called an error or a warning. */
export function reportFaults(started: () => Instance | undefined): void {
  test.afterEach(async () => {
    const { status, expectedStatus } = test.info()
    const instance = started()
    if (status !== expectedStatus && instance)
      await test.info().attach('faults of the product', { body: faultsOf(instance) })
  })
}

function faultsOf({ logs }: Instance): string {
  return logs()
    .split('\n')
    .filter((line) => /^\{.*"level":"(error|warn|fatal)"/.test(line))
    .slice(-20)
    .join('\n')
}

/** A browser of somebody's own, signed in nowhere. */
export async function openBrowser(
  browser: Browser,
  { consoleUrl }: Instance,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: consoleUrl, ...options })
  browsers.add(context)
  awaitWholePages(context)
  context.on('console', (message) => {
    if (message.type() === 'error' && !isOfAxe(message) && !isRefusal(message)) complaints.push(saidBy(message))
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  return context
}

export { expect }

/** axe writes a style of its own into every frame, from nowhere in our code; the viewer's frame refuses it, as it should. */
function isOfAxe(message: ConsoleMessage): boolean {
  return message.location().url === '' && message.text().startsWith('Applying inline style violates')
}

/** A device that is refused something hears so by a status, and browsers tell of every such answer. */
function isRefusal(message: ConsoleMessage): boolean {
  return (
    message.location().url.includes('/device/v1/') &&
    /^Failed to load resource: the server responded with a status of 40[13] /.test(message.text())
  )
}

function saidBy(message: ConsoleMessage): string {
  return `${message.text()} (${message.location().url})`
}

/** No finding of axe on what is shown now, in the light and in the dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await new AxeBuilder({ page }).analyze()
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    expect(found, `${page.url()}, ${colorScheme}`).toEqual([])
  }
  await page.emulateMedia({ colorScheme: null })
}

/** Nothing of the page lies beyond its right edge. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  expect(overflow, `${page.url()} scrolls sideways`).toBeLessThanOrEqual(0)
}

/** What the page itself announces as an error; Next announces every new page by an alert of its own. */
export function alertOf(page: Page): Locator {
  return page.locator('[role="alert"]:not(#__next-route-announcer__)').filter({ hasText: /\S/ })
}
