import type { BrowserContext, Page, Response } from '@playwright/test'

/**
 * A part of a page that came late and is not yet where it belongs. React keeps it, hidden, at the end of the body for up
 * to a third of a second; when something changes meanwhile, it draws that part itself, and the page holds it twice.
 */
const WAITING = 'div[hidden][id^="S:"]'

/** Lets every page of a browser count as loaded only when each of its parts is where it belongs. */
export function awaitWholePages(context: BrowserContext): void {
  for (const page of context.pages()) awaitWhole(page)
  context.on('page', awaitWhole)
}

function awaitWhole(page: Page): void {
  const whole =
    <Args extends unknown[]>(load: (...args: Args) => Promise<Response | null>) =>
    async (...args: Args) => {
      const response = await load.apply(page, args)
      await page.locator(WAITING).first().waitFor({ state: 'detached' })
      return response
    }
  page.goto = whole(page.goto)
  page.reload = whole(page.reload)
  page.goBack = whole(page.goBack)
  page.goForward = whole(page.goForward)
}
