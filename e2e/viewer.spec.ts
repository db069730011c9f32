import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@playwright/test'
import { makeEncryptedPdf, makePdf } from './support/pdf.ts'
import {
  blackPixels,
  expectNotices,
  hasLeft,
  inkInMargin,
  LABELS,
  openInViewer,
  outcomeOf,
  showIn,
  withhold,
} from './support/shown-viewer.ts'
import { expectAccessible } from './support/test.ts'
import { startViewerSite, type ViewerSite } from './support/viewer-site.ts'

let site: ViewerSite
/** Somebody else's server; it counts who asks. */
let elsewhere: { url: string; asked: string[]; close(): void }

test.beforeAll(async () => {
  site = await startViewerSite()
  elsewhere = await startElsewhere()
})

test.afterAll(async () => {
  elsewhere?.close()
  await site?.close()
})

async function startElsewhere() {
  const asked: string[] = []
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? '')
    response.setHeader('content-type', 'text/html')
    response.end(`<title>Elsewhere</title><iframe src="${site.url}/viewer/frame"></iframe>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}`, asked, close: () => server.close() }
}

/** What was asked of either server but the viewer's own files. */
function strayRequests(): string[] {
  return [...site.requests.filter((one) => !/ localhost:\d+\/(viewer\/[\w./-]+)?$/.test(one)), ...elsewhere.asked]
}

test('a PDF is painted, its watermark in the pixels', async ({ page }) => {
  const bytes = makePdf({ pages: 3, imageBytes: 200_000 })
  const marked = await openInViewer(page, site, { bytes })
  expect(await outcomeOf(marked)).toMatchObject({ pages: 3 })
  expect(await blackPixels(marked)).toBeGreaterThan(5000)
  expect(await inkInMargin(marked)).toBeGreaterThan(500)
  await expect(marked.inside.getByText('Page 1 of 3')).toBeVisible()

  const plain = await openInViewer(page, site, { bytes, watermark: '' })
  expect(await blackPixels(plain)).toBeGreaterThan(5000)
  expect(await inkInMargin(plain)).toBe(0)
})

test('zoom keeps the page sharp, pixel for pixel, and by keyboard one comes in and out', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  const canvasWidth = () => shown.frame.evaluate(() => document.querySelector('canvas')?.width ?? 0)
  const before = await canvasWidth()
  await page.getByLabel('Field').focus()
  await page.keyboard.press('Tab')
  await expect(shown.inside.getByRole('button', { name: 'Zoom out' })).toBeFocused()
  await shown.inside.getByRole('button', { name: 'Zoom in' }).press('Enter')
  await expect.poll(canvasWidth).toBeGreaterThan(before * 1.2)
  const [drawn, wide, ratio] = await shown.frame.evaluate(() => {
    const canvas = document.querySelector('canvas')
    return [canvas?.width ?? 0, canvas?.getBoundingClientRect().width ?? 0, devicePixelRatio]
  })
  expect(Math.abs(drawn - wide * ratio)).toBeLessThanOrEqual(1)
  await page.keyboard.press('Escape')
  await expect.poll(() => hasLeft(shown)).toBe(true)
})

test('on a phone it fits, in the dark it is dark, and a thumb meets the buttons', async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
  const page = await context.newPage()
  const shown = await openInViewer(page, site, { bytes: makePdf({ pages: 2 }), theme: 'dark' })
  const [content, width, ground] = await shown.frame.evaluate(() => [
    document.querySelector('.scroller')?.scrollWidth,
    document.documentElement.clientWidth,
    getComputedStyle(document.body).backgroundColor,
  ])
  expect(content).toBe(width)
  expect(ground).toBe('rgb(18, 19, 17)')
  const box = await shown.inside.getByRole('button', { name: 'Zoom in' }).boundingBox()
  expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThanOrEqual(44)
  await shown.inside.getByRole('button', { name: 'Zoom in' }).tap()
  await expect
    .poll(() => shown.frame.evaluate(() => document.querySelector('.scroller')?.scrollWidth ?? 0))
    .toBeGreaterThan(360)
  await context.close()
})

test('hostile Markdown is a text with no power', async ({ page }) => {
  const lure = `${elsewhere.url}/lure`
  const html = `<h1 onclick="top.owned=1">Report</h1><p style="background:url(${lure}?1)">kept <a href="javascript:top.owned=2" ping="${lure}?2">link</a></p>
    <script>top.owned=3</script><img src="${lure}?3" onerror="top.owned=4" alt="a chart"><svg onload="top.owned=5"><script>top.owned=6</script><image href="${lure}?4"/></svg>
    <iframe src="${lure}?5"></iframe><iframe srcdoc="<script>top.owned=7</script>"></iframe><link rel=stylesheet href="${lure}?6"><style>@import "${lure}?7"</style>
    <meta http-equiv=refresh content="0;url=${lure}?8"><base href="${lure}?9"><form action="${lure}?10"><input autofocus onfocus="top.owned=8"></form>
    <math><mtext><table><mglyph><style><img src=x onerror="top.owned=9"></style></mglyph></table></mtext></math><object data="${lure}?11"></object>
    <video src="${lure}?12" autoplay></video><audio src="${lure}?13"></audio><table><tr><td style="text-align:right" background="${lure}?14">cell</td></tr></table>
    <template><img src="${lure}?15"></template><noscript><img src="${lure}?16"></noscript><details open ontoggle="top.owned=10">more</details><x-y is="z">odd</x-y>`
  const shown = await openInViewer(page, site, { bytes: html, kind: 'markdown', mediaType: 'text/html' })
  expect(await outcomeOf(shown)).toMatchObject({ pages: 1 })
  await expect(shown.inside.getByRole('heading', { name: 'Report' })).toBeVisible()
  await expect(shown.inside.getByText('kept link')).toBeVisible()
  await expect(shown.inside.getByText('a chart')).toBeVisible()
  const { names, attributes, owned } = await shown.frame.evaluate(() => {
    const all = [...document.querySelectorAll('article *')]
    return {
      names: [...new Set(all.map(({ localName }) => localName))].sort(),
      attributes: all.flatMap((element) =>
        element.getAttributeNames().map((name) => `${name}=${element.getAttribute(name)}`),
      ),
      owned: Reflect.get(window, 'owned'),
    }
  })
  expect(names).toEqual(['a', 'h1', 'p', 'table', 'tbody', 'td', 'tr'])
  expect(attributes).toEqual(['style=text-align: right;'])
  expect([owned, await page.evaluate(() => Reflect.get(window, 'owned'))]).toEqual([undefined, undefined])
  expect(strayRequests()).toEqual([])
})

test('text is shown as it stands, under a watermark that a printout keeps', async ({ page }) => {
  const bytes = `<script>top.owned=1</script>\n你好\n${'line\n'.repeat(900)}`
  const shown = await openInViewer(page, site, { bytes, kind: 'text', mediaType: 'text/plain' })
  await expect(shown.inside.getByText('<script>top.owned=1</script>')).toBeVisible()
  await expect(shown.inside.getByText('你好')).toBeVisible()
  const layers = await shown.frame.evaluate(() =>
    [...document.querySelectorAll('.mark')].map((layer) => {
      const { backgroundImage, pointerEvents, printColorAdjust } = getComputedStyle(layer)
      return [backgroundImage.slice(0, 22), pointerEvents, printColorAdjust]
    }),
  )
  expect(layers).toEqual(Array(2).fill(['url("data:image/png;ba', 'none', 'exact']))
  const marked = await page.locator('iframe').screenshot()
  await page.evaluate(() => Reflect.get(window, 'viewer').setWatermark(''))
  await expect(shown.inside.locator('.mark.over')).toHaveCSS('background-image', 'none')
  expect(marked.equals(await page.locator('iframe').screenshot())).toBe(false)
})

test('a picture is painted with its watermark; an SVG is no picture', async ({ page }) => {
  const png = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 600, height: 900 })
    const context = canvas.getContext('2d')
    if (context) context.fillStyle = '#fff'
    context?.fillRect(0, 0, 600, 900)
    return canvas.toDataURL('image/png').split(',')[1] ?? ''
  })
  const shown = await openInViewer(page, site, {
    bytes: Buffer.from(png, 'base64'),
    kind: 'image',
    mediaType: 'image/png',
  })
  expect(await inkInMargin(shown)).toBeGreaterThan(200)

  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="top.owned=1"><image href="${elsewhere.url}/svg"/></svg>`
  const asSvg = await openInViewer(page, site, { bytes: svg, kind: 'image', mediaType: 'image/svg+xml' })
  expect(await outcomeOf(asSvg)).toEqual({ failed: 'wrong_type' })
  const asPng = await openInViewer(page, site, { bytes: svg, kind: 'image', mediaType: 'image/png' })
  expect(await outcomeOf(asPng)).toEqual({ failed: 'malformed' })
  expect(strayRequests()).toEqual([])
})

test("a PDF's scripts and links do nothing", async ({ page }) => {
  const script = `/S/JavaScript/JS(app.launchURL\\("${elsewhere.url}/js"\\))`
  const bytes = makePdf({
    catalog: `/OpenAction<<${script}>>/AA<</WC<<${script}>>>>`,
    annotations: `<</Type/Annot/Subtype/Link/Rect[0 0 595 842]/A<</S/URI/URI(${elsewhere.url}/link)>>>>`,
  })
  const shown = await openInViewer(page, site, { bytes })
  expect(await outcomeOf(shown)).toMatchObject({ pages: 1 })
  await shown.inside.locator('canvas').click()
  expect(await shown.frame.evaluate(() => document.querySelectorAll('a, form, input, section').length)).toBe(0)
  expect(page.context().pages()).toHaveLength(1)
  expect(strayRequests()).toEqual([])
})

test('what runs in the frame has no origin, no storage, no network and no way out', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  const { url } = site
  const attempts = await shown.frame.evaluate(
    async ([own, foreign]) => {
      const outcome = async (attempt: () => unknown) => {
        try {
          return String(await attempt())
        } catch (error) {
          return `${(error as Error).name}`
        }
      }
      return {
        origin: self.origin,
        storage: await outcome(() => localStorage.length),
        cookie: await outcome(() => document.cookie),
        database: await outcome(() => indexedDB.open('a')),
        page: await outcome(() => window.parent.document.title),
        ownApi: await outcome(() => fetch(`${own}/api/v1/people`)),
        elsewhere: await outcome(() => fetch(`${foreign}/fetch`)),
        beacon: await outcome(() => navigator.sendBeacon(`${foreign}/beacon`, 'x')),
        window: await outcome(() => window.open(`${foreign}/open`)),
        top: await outcome(() => {
          ;(window.top as Window).location.href = `${foreign}/top`
        }),
        // Later: while a debugger evaluates, as here, eval is let through.
        script: await outcome(
          () =>
            new Promise((resolve, reject) => {
              setTimeout(() => {
                try {
                  resolve(new Function('return 1')())
                } catch (error) {
                  reject(error)
                }
              })
            }),
        ),
        image: await outcome(
          () =>
            new Promise((resolve, reject) => {
              const image = new Image()
              image.onload = () => resolve('loaded')
              image.onerror = () => reject(new TypeError())
              image.src = `${foreign}/image`
            }),
        ),
      }
    },
    [url, elsewhere.url] as const,
  )
  expect(attempts).toMatchObject({
    origin: 'null',
    storage: 'SecurityError',
    cookie: 'SecurityError',
    database: 'SecurityError',
    page: 'SecurityError',
    ownApi: 'TypeError',
    elsewhere: 'TypeError',
    window: 'null',
    top: 'SecurityError',
    script: 'EvalError',
    image: 'TypeError',
  })
  // Nor by leading itself elsewhere: the page's own policy holds the frame where it is.
  await shown.frame.evaluate((foreign) => {
    location.href = `${foreign}/navigate`
  }, elsewhere.url)
  await expect.poll(() => shown.frame.url()).not.toContain('/viewer/frame')
  expect(page.url()).toBe(`${url}/`)
  expect(strayRequests()).toEqual([])
})

test('no page elsewhere can embed it, nor the page around it look inside', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  expect(await page.evaluate(() => document.querySelector('iframe')?.contentDocument)).toBe(null)
  const seen = await page.evaluate(() => {
    try {
      return document.querySelector('iframe')?.contentWindow?.document.title
    } catch (error) {
      return (error as Error).name
    }
  })
  expect(seen).toBe('SecurityError')
  expect(await shown.frame.evaluate(() => document.querySelectorAll('canvas').length)).toBe(1)

  const stranger = await page.context().newPage()
  await stranger.goto(elsewhere.url)
  elsewhere.asked.length = 0
  expect(stranger.frames()[1]?.url()).not.toContain('/viewer/frame')
  await stranger.close()
})

test('one press of PrintScreen is one notice, wherever the focus is, and covers the content', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({ pages: 2 }) })
  await shown.inside.locator('canvas').first().click()
  await page.keyboard.press('PrintScreen')
  await expectNotices(shown, [{ means: 'printscreen', page: 1, obscured: false }])
  await expect(shown.inside.getByText(LABELS.noticed)).toBeVisible()
  await expect(shown.inside.locator('canvas').first()).toBeHidden()
  await shown.inside.getByRole('button', { name: LABELS.resume }).click()
  await expect(shown.inside.locator('canvas').first()).toBeVisible()

  await page.getByLabel('Field').focus()
  await page.keyboard.press('PrintScreen')
  await expectNotices(shown, [{ means: 'printscreen' }, { means: 'printscreen', page: 1 }])
  await expect(shown.inside.getByText(LABELS.noticed)).toBeVisible()
})

test('the keys that capture shortcuts begin with cover the content before the capture', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  await shown.inside.locator('canvas').click()
  await page.keyboard.down('Meta')
  await page.keyboard.down('Shift')
  await expect(shown.inside.getByText(LABELS.covered)).toBeVisible()
  await page.keyboard.up('Shift')
  await page.keyboard.up('Meta')
  await expect(shown.inside.locator('canvas')).toBeVisible()
  await expectNotices(shown, [])

  await page.keyboard.down('Meta')
  await page.keyboard.down('Shift')
  await expect(shown.inside.getByText(LABELS.covered)).toBeVisible()
  await shown.frame.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  )
  await page.keyboard.press('Digit4')
  await page.keyboard.up('Shift')
  await page.keyboard.up('Meta')
  await expectNotices(shown, [{ means: 'shortcut', page: 1, obscured: true }])
  await expect(shown.inside.getByText(LABELS.noticed)).toBeVisible()
  await shown.inside.getByRole('button', { name: LABELS.resume }).click()
  await page.keyboard.press('Control+Shift+S')
  await expectNotices(shown, [{ means: 'shortcut' }, { means: 'shortcut', obscured: false }])
})

test('printing that is not allowed gives a sentence, and one notice', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  await shown.inside.locator('canvas').click()
  await page.keyboard.press('Control+P')
  await expectNotices(shown, [{ means: 'print', page: 1, obscured: true }])
  await expect(shown.inside.getByRole('button', { name: 'Print' })).toHaveCount(0)
  await page.emulateMedia({ media: 'print' })
  await expect(shown.inside.getByText(LABELS.printRefused)).toBeVisible()
  await expect(shown.inside.locator('canvas')).toBeHidden()
})

test('printing that is allowed gives every page, the watermark in its pixels', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({ pages: 12 }), may: { print: true } })
  await page.emulateMedia({ media: 'print' })
  await expect(shown.inside.getByText(LABELS.printHere)).toBeVisible()
  await expect(shown.inside.locator('canvas').first()).toBeHidden()
  await page.emulateMedia({ media: null })
  // A browser without a screen has no print dialogue: what it would be given is looked at instead.
  await shown.frame.evaluate(() => {
    window.print = () => {
      const images = [...document.querySelectorAll<HTMLImageElement>('.prints img')]
      const canvas = Object.assign(document.createElement('canvas'), { width: 1000, height: 60 })
      const context = canvas.getContext('2d')
      context?.drawImage(images.at(-1) as HTMLImageElement, 0, 0)
      const { data } = context?.getImageData(0, 0, 1000, 60) ?? { data: [] }
      const hasMark = [...data].some((value, at) => at % 4 === 0 && value < 245)
      Reflect.set(window, 'printed', { pages: images.length, hasMark, isPrinting: document.body.className })
    }
  })
  await shown.inside.getByRole('button', { name: 'Print' }).click()
  await expect
    .poll(() => shown.frame.evaluate(() => Reflect.get(window, 'printed')))
    .toEqual({ pages: 12, hasMark: true, isPrinting: 'may-print is-printing' })
  await expectNotices(shown, [{ means: 'print', page: 1, obscured: false }])
  expect(await shown.frame.evaluate(() => document.querySelectorAll('.prints, .prints img').length)).toBe(0)
})

test('copying that is not allowed finds nothing to copy, and is one notice', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  await shown.inside.locator('canvas').click()
  await page.keyboard.press('Control+A')
  expect(await shown.frame.evaluate(() => getSelection()?.toString().trim())).toBe('')
  await page.keyboard.press('Control+C')
  await expectNotices(shown, [{ means: 'copy', page: 1 }])
})

test('where copying is allowed the text can be selected, and a copy is one notice', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}), may: { copy: true } })
  await shown.inside.getByText('Line 3 of page 1').dblclick()
  expect(await shown.frame.evaluate(() => getSelection()?.toString())).toMatch(/Line|of|page/)
  await page.keyboard.press('Control+C')
  await expectNotices(shown, [{ means: 'copy', page: 1 }])
})

test('withheld, two files look alike', async ({ page }) => {
  const pictures: Buffer[] = []
  for (const pages of [1, 9]) {
    const shown = await openInViewer(page, site, { bytes: makePdf({ pages, imageBytes: pages * 1000 }) })
    await withhold(shown, true)
    await expect(shown.inside.getByText(LABELS.withheld)).toBeVisible()
    await expect(shown.inside.getByRole('button', { name: LABELS.resume })).toBeHidden()
    pictures.push(await page.locator('iframe').screenshot())
    await page.keyboard.press('PrintScreen')
    await expectNotices(shown, [{ means: 'printscreen', obscured: true }])
    await withhold(shown, false)
    await expect(shown.inside.getByText(LABELS.noticed)).toBeVisible()
  }
  expect(pictures[0]?.equals(pictures[1] ?? Buffer.alloc(0))).toBe(true)
})

test('away from the window the content is covered and one notice says so; back, it is there', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  // A page under test believes that it always has the focus; this one shall not.
  const session = await page.context().newCDPSession(page)
  await session.send('Emulation.setFocusEmulationEnabled', { enabled: false })
  const other = await page.context().newPage()
  await other.bringToFront()
  await expect(shown.inside.getByText(LABELS.covered)).toBeVisible()
  await expectNotices(shown, [{ means: 'focus_lost', page: 1 }])
  await page.bringToFront()
  await expect(shown.inside.locator('canvas')).toBeVisible()
  await other.close()
})

test('a click beside the viewer is no loss of focus', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({}) })
  await shown.inside.locator('canvas').click()
  await page.getByLabel('Field').click()
  await expectNotices(shown, [])
  await expect(shown.inside.locator('canvas')).toBeVisible()
})

test('of five hundred pages only those in sight are painted', async ({ page }) => {
  const shown = await openInViewer(page, site, { bytes: makePdf({ pages: 500 }) })
  expect(await outcomeOf(shown)).toMatchObject({ pages: 500 })
  let most = 0
  for (const share of [0.1, 0.5, 0.9, 1]) {
    const at = await shown.frame.evaluate((part) => {
      const scroller = document.querySelector('.scroller') as HTMLElement
      scroller.scrollTop = part * scroller.scrollHeight
      return scroller.scrollTop
    }, share)
    expect(at).toBeGreaterThan(0)
    await expect
      .poll(() =>
        shown.frame.evaluate(() => {
          const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2)
          return middle?.closest('.page')?.querySelector('canvas') !== null
        }),
      )
      .toBe(true)
    most = Math.max(most, await shown.frame.evaluate(() => document.querySelectorAll('canvas').length))
  }
  await expect(shown.inside.getByText('Page 500 of 500')).toBeVisible()
  expect(most).toBeLessThanOrEqual(5)
})

test('every look of it passes axe', async ({ page }) => {
  await openInViewer(page, site, { bytes: makePdf({}), may: { copy: true, print: true } })
  await expectAccessible(page)
  const dark = await openInViewer(page, site, { bytes: '<h1>Report</h1>', kind: 'markdown', theme: 'dark' })
  await page.keyboard.press('PrintScreen')
  await expect(dark.inside.getByText(LABELS.noticed)).toBeVisible()
  await expectAccessible(page)
})

test('without its worker a PDF fails with a reason, and a text is shown all the same', async ({ page }) => {
  site.missing.add('/viewer/pdf.worker.js')
  try {
    expect(await outcomeOf(await openInViewer(page, site, { bytes: makePdf({}) }))).toEqual({ failed: 'worker' })
    const text = await openInViewer(page, site, { bytes: 'words', kind: 'text', mediaType: 'text/plain' })
    await expect(text.inside.getByText('words')).toBeVisible()
  } finally {
    site.missing.clear()
  }
})

test('a frame made ready ahead is the one that shows the file, unless it may not print', async ({ page }) => {
  await page.goto(site.url)
  const framesAsked = () => site.requests.filter((one) => one.endsWith('/viewer/frame')).length
  const before = framesAsked()
  await page.evaluate(() => Reflect.get(window, 'warmViewer')({ canPrint: false }))
  await expect.poll(framesAsked).toBe(before + 1)
  const shown = await showIn(page, { bytes: makePdf({ pages: 2 }) })
  expect(await outcomeOf(shown)).toMatchObject({ pages: 2 })
  expect(framesAsked() - before).toBe(1)
  await expect(shown.inside.getByText('Page 1 of 2')).toBeVisible()
  await shown.inside.locator('canvas').first().click()
  await page.keyboard.press('PrintScreen')
  await expectNotices(shown, [{ means: 'printscreen', page: 1 }])

  await page.evaluate(() => {
    Reflect.get(window, 'viewer').dispose()
    Reflect.get(window, 'warmViewer')({ canPrint: false })
  })
  await expect.poll(framesAsked).toBe(before + 2)
  await showIn(page, { bytes: makePdf({}), may: { print: true } })
  expect(framesAsked()).toBe(before + 3)
})

for (const [name, given, reason] of [
  ['an encrypted PDF', { bytes: makeEncryptedPdf() }, 'encrypted'],
  ['a malformed PDF', { bytes: 'not a PDF at all' }, 'malformed'],
  ['a PDF cut in half', { bytes: makePdf({ pages: 4 }).subarray(0, 300) }, 'malformed'],
  ['an empty file', { bytes: '' }, 'empty'],
  ['text in another encoding', { bytes: Buffer.from([0xff, 0xfe, 0xd8]), kind: 'text' as const }, 'malformed'],
] as const) {
  test(`${name} fails with a reason: ${reason}`, async ({ page }) => {
    const shown = await openInViewer(page, site, given)
    expect(await outcomeOf(shown)).toEqual({ failed: reason })
    if (reason !== 'empty') await expect(shown.inside.getByRole('alert')).toHaveText(LABELS.failed)
  })
}
