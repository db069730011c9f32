import type { Page } from '@playwright/test'
import { type Instance, startInstance } from './instance.ts'
import { type Owner, setUp } from './people.ts'
import { closeBrowsers, openBrowser, reportFaults, test } from './test.ts'

/** There from the first test of a file to its last. */
export interface Founded {
  instance: Instance
  owner: Owner
  /** The owner's, signed in. */
  page: Page
}

/** Gives a file a product of its own in which an organisation was founded. */
export function founded(): Founded {
  const here: Partial<Founded> = {}
  test.beforeAll(async ({ browser }) => {
    here.instance = await startInstance()
    here.page = await (await openBrowser(browser, here.instance)).newPage()
    here.owner = await setUp(here.page, here.instance.setupUrl ?? '')
  })
  reportFaults(() => here.instance)
  test.afterAll(async () => {
    await closeBrowsers()
    await here.instance?.stop()
  })
  // Tests begin only once all of it is there.
  return here as Founded
}
