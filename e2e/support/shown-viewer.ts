import { expect, type Frame, type Page } from '@playwright/test'
import type { Viewer } from '../../viewer/parent.ts'
import type { Notice, ViewerKind, ViewerLabels, ViewerPermissions, ViewerTheme } from '../../viewer/protocol.ts'
import type { ViewerSite } from './viewer-site.ts'

export const LABELS: ViewerLabels = {
  title: 'Document',
  loading: 'Loading',
  page: 'Page {page} of {pages}',
  pageFailed: 'This page cannot be shown',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  fitWidth: 'Fit width',
  print: 'Print',
  preparingPrint: 'Preparing {page} of {pages}',
  printTooLong: 'At most {pages} pages can be printed',
  covered: 'Covered while you are away',
  noticed: 'A capture was noticed',
  withheld: 'Withheld',
  resume: 'Show again',
  printRefused: 'Printing is not allowed',
  printHere: "Print with the viewer's button",
  failed: 'This cannot be shown',
}

/** What the page around the viewer keeps for a test to look at. */
interface Window {
  openViewer: typeof import('../../viewer/parent.ts').openViewer
  viewer: Viewer
  notices: Notice[]
  hasLeft: boolean
  outcome: { pages: number; firstPageMs: number } | { failed: string }
}

export interface Given {
  bytes: Buffer | string
  kind?: ViewerKind
  mediaType?: string
  watermark?: string
  may?: Partial<ViewerPermissions>
  theme?: ViewerTheme
}

/** A file in the viewer of a page; the frame is got ready first, as it is in the product. */
export async function openInViewer(page: Page, site: ViewerSite, given: Given): Promise<ShownViewer> {
  await page.goto(site.url)
  return showIn(page, given)
}

/** The same in a page that is there already. */
export async function showIn(page: Page, given: Given): Promise<ShownViewer> {
  const {
    bytes,
    kind = 'pdf',
    mediaType = '',
    watermark = 'Ada Lovelace · 04:00 · D-7F3A',
    may,
    theme = 'light',
  } = given
  await page.evaluate(
    ({ settings, content, base64 }) => {
      const here = window as unknown as Window
      here.notices = []
      here.hasLeft = false
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer
      return new Promise<void>((resolve) => {
        const settle = (outcome: Window['outcome']) => {
          here.outcome = outcome
          resolve()
        }
        here.viewer = here.openViewer(document.querySelector('#host') as HTMLElement, settings, {
          onNoticed: (notice) => here.notices.push(notice),
          onShown: settle,
          onFailed: (failed) => settle({ failed }),
          onLeave: () => {
            here.hasLeft = true
          },
        })
        here.viewer.show({ ...content, bytes })
      })
    },
    {
      settings: { labels: LABELS, watermark, may: { copy: false, print: false, ...may }, theme, language: 'en' },
      content: { kind, mediaType, name: 'file' },
      base64: Buffer.from(bytes).toString('base64'),
    },
  )
  const frame = page.frames().find((one) => one.parentFrame() !== null)
  if (!frame) throw new Error('the viewer has no frame')
  return { page, frame, inside: page.frameLocator('iframe') }
}

export interface ShownViewer {
  page: Page
  /** For looking into it as no page can. */
  frame: Frame
  inside: ReturnType<Page['frameLocator']>
}

export function outcomeOf({ page }: ShownViewer): Promise<Window['outcome']> {
  return page.evaluate(() => (window as unknown as Window).outcome)
}

export async function expectNotices({ page }: ShownViewer, expected: Partial<Notice>[]): Promise<void> {
  const notices = () => page.evaluate(() => (window as unknown as Window).notices)
  await expect.poll(async () => (await notices()).length, { timeout: 15_000 }).toBeGreaterThanOrEqual(expected.length)
  // Whatever would come twice has come after two turns of both windows.
  await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 400)))
  expect(await notices()).toMatchObject(expected)
}

export function withhold({ page }: ShownViewer, withheld: boolean): Promise<void> {
  return page.evaluate((holds) => (window as unknown as Window).viewer.withhold(holds), withheld)
}

export function hasLeft({ page }: ShownViewer): Promise<boolean> {
  return page.evaluate(() => (window as unknown as Window).hasLeft)
}

/** How many pixels of the first page's empty margin at the top are not white. */
export function inkInMargin({ frame }: ShownViewer): Promise<number> {
  return frame.evaluate(() => {
    const canvas = document.querySelector('canvas') as HTMLCanvasElement
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, Math.floor(canvas.height / 10)) ?? {
      data: [],
    }
    let ink = 0
    for (let at = 0; at < data.length; at += 4) if ((data[at] ?? 255) < 250) ink += 1
    return ink
  })
}

/** How many pixels of the whole first page are nearly black. */
export function blackPixels({ frame }: ShownViewer): Promise<number> {
  return frame.evaluate(() => {
    const canvas = document.querySelector('canvas') as HTMLCanvasElement
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    let black = 0
    for (let at = 0; at < data.length; at += 4) if ((data[at] ?? 255) < 40) black += 1
    return black
  })
}
