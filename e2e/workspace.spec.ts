import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import type { Browser, BrowserContext, Locator, Page } from '@playwright/test'
import { freePort } from '../scripts/lib/ports.mjs'
import { onePage, stream } from '../server/content/render/testing-corpus.ts'
import { type Instance, startInstance } from './support/instance.ts'
import { gatehouse } from './support/operator.ts'
import { type Owner, setUp, shortenUndo } from './support/people.ts'
import { type Recorder, startRecorder } from './support/recorder.ts'
import {
  closeBrowsers,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  openBrowser,
  reportFaults,
  test,
} from './support/test.ts'

test.describe.configure({ mode: 'serial' })

let instance: Instance
let recorder: Recorder
let owner: Owner
/** The owner's desk: the console. */
let desk: Page
let apiToken: string

test.beforeAll(async ({ browser }) => {
  recorder = await startRecorder()
  const port = await freePort()
  recorder.forwardTo(port)
  instance = await startInstance({ env: { PORT: String(port), GATEHOUSE_URL: `http://localhost:${recorder.port}` } })
  const context = await openBrowser(browser, instance)
  desk = await context.newPage()
  owner = await setUp(desk, instance.setupUrl ?? '')
  await shortenUndo(desk, owner)
  const scopes = 'people:write,content:write,audit:read,audit:unmask,devices:read'
  const args = ['api-key', 'create', '--name', 'workspace', '--scopes', scopes, '--json']
  apiToken = (await gatehouse<{ token: string }>(instance, args)).token
})

reportFaults(() => instance)

test.afterAll(async () => {
  await closeBrowsers()
  await instance?.stop()
  await recorder?.close()
})

async function api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const isForm = body instanceof FormData
  const response = await fetch(`${instance.consoleUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiToken}`,
      ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
  })
  const said = (await response.json()) as Record<string, unknown>
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(said)}`)
  return said
}

async function publish(name: string, bytes: Uint8Array, audience: string): Promise<string> {
  const form = new FormData()
  form.set('file', new File([new Uint8Array(bytes)], name, { type: 'application/pdf' }))
  form.set('labels', 'confidential')
  form.set('audience', audience)
  return String((await api('POST', '/files', form)).id)
}

/** A page of text beside noise that no compression hides: whoever finds `secret` in a recording has read the file. */
function secretPdf(title: string, secret: Buffer): Buffer {
  const font = '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>'
  const text = stream(`BT /F1 24 Tf 72 700 Td (${title}) Tj ET`)
  return onePage(text, [font, stream(secret)], '/Font<</F1 5 0 R>>')
}

type Language = 'en' | 'zh'
type Texts = { [name: string]: string | Texts }

/** A text of the workspace as the reader sees it; `values` fill its places. */
function wordsOf(language: Language) {
  const file = new URL(`../messages/${language}/workspace.json`, import.meta.url)
  const all = JSON.parse(fs.readFileSync(file, 'utf8')) as Texts
  return (key: string, values: Record<string, string> = {}): string => {
    const text = key.split('.').reduce<string | Texts | undefined>((at, part) => (at as Texts)[part], all)
    if (typeof text !== 'string') throw new Error(`there is no text ${key}`)
    return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
  }
}

/** A phone in somebody's hand: 360 px, touch, in their language. */
async function openPhone(browser: Browser, language: Language, state?: string): Promise<BrowserContext> {
  return openBrowser(browser, instance, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
    locale: language === 'zh' ? 'zh-CN' : 'en-GB',
    ...(state ? { storageState: state } : {}),
  })
}

async function fits(page: Page): Promise<void> {
  await expectNoSidewaysScroll(page)
  await expectAccessible(page)
}

/** What the frame paints, as counts of its pixels: text is dark, the watermark is grey. */
async function greyPixels(canvas: Locator): Promise<number> {
  return canvas.evaluate((element) => {
    if (!(element instanceof HTMLCanvasElement)) return 0
    const pixels = element.getContext('2d')?.getImageData(0, 0, element.width, element.height).data ?? []
    let grey = 0
    for (let at = 0; at < pixels.length; at += 4) {
      const [red = 0, green = 0, blue = 0] = [pixels[at], pixels[at + 1], pixels[at + 2]]
      const isNeutral = Math.max(red, green, blue) - Math.min(red, green, blue) < 12
      if (isNeutral && red > 120 && red < 250) grey += 1
    }
    return grey
  })
}

/** Everything that the browser keeps for this origin: keys of its databases' records, and its caches. */
async function keptBy(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const kept = [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await caches.keys())]
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name)
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error)
      })
      for (const store of database.objectStoreNames) {
        const keys = await new Promise<IDBValidKey[]>((resolve, reject) => {
          const asking = database.transaction(store).objectStore(store).getAllKeys()
          asking.onsuccess = () => resolve(asking.result)
          asking.onerror = () => reject(asking.error)
        })
        kept.push(...keys.map((key) => `${store}/${String(key)}`))
      }
      database.close()
    }
    return kept
  })
}

type Event = { id: string; at: number; detail: Record<string, unknown>; enforcement: string; outcome: string }

/** The newest event of a search, or undefined. */
async function newestEvent(query: string): Promise<Event | undefined> {
  const { items } = await api('GET', `/audit/events?q=${encodeURIComponent(query)}&limit=1`)
  const [newest] = items as Record<string, unknown>[]
  if (!newest) return undefined
  const { id, occurredAt, detail, enforcement, outcome } = newest as Record<string, string>
  return {
    id: String(id),
    at: Date.parse(String(occurredAt)),
    detail: (detail ?? {}) as unknown as Event['detail'],
    enforcement: String(enforcement),
    outcome: String(outcome),
  }
}

for (const language of ['en', 'zh'] as const) {
  test.describe(`a browser as a device, ${language}`, () => {
    const t = wordsOf(language)
    const person = { name: language === 'en' ? 'Rosa Lind' : '林小红', email: `${language}@northwind.example` }
    const sentence = `Nobody but this reader, ${language}`
    const fileName = `Merger plan ${language}.pdf`
    const secret = randomBytes(600)
    let phone: Page
    let context: BrowserContext
    let exported: string
    let fileId: string
    let deviceId: string

    test.beforeAll(async () => {
      await api('POST', '/people', { ...person, role: 'member' })
    })

    test('enrols by the link of the console', async ({ browser }) => {
      await desk.goto('/devices/new')
      await desk.getByLabel('Person', { exact: true }).fill(person.email)
      await desk.getByRole('option', { name: new RegExp(person.email) }).click()
      await desk.getByRole('button', { name: 'Create the code' }).click()
      const link = await desk.getByText(/\/workspace\/enrol#code=/).textContent()
      context = await openPhone(browser, language)
      phone = await context.newPage()
      await phone.goto('/workspace')
      await expect(phone.getByRole('heading', { name: t('enrol.title') })).toBeVisible()
      await fits(phone)
      await phone.goto(link ?? '')
      await expect(phone.getByText(t('enrol.offered'))).toBeVisible()
      expect(phone.url(), 'the code is not kept in the address bar').not.toContain('code=')
      await fits(phone)
      // As from a mail or a camera: nothing of the workspace is open yet.
      const cold = await context.newPage()
      await cold.goto(link ?? '')
      await expect(cold.getByText(t('enrol.offered'))).toBeVisible()
      await expect.poll(() => cold.evaluate(() => location.href)).not.toContain('code=')
      await cold.close()
      await phone.getByRole('button', { name: t('enrol.submit') }).tap()
      await expect(phone.getByRole('heading', { name: t('files.title') })).toBeVisible()
      await expect(phone.getByText(t('files.empty'))).toBeVisible()
      await fits(phone)
      const { items } = await api('GET', `/devices?q=${encodeURIComponent(person.name)}`)
      const [device] = items as { id: string; channel: string; keyThumbprint: string }[]
      deviceId = device?.id ?? ''
      expect(device).toMatchObject({ channel: 'browser', status: 'active' })
    })

    test('a file that is published is there without a reload', async () => {
      fileId = await publish(fileName, secretPdf(sentence, secret), person.email)
      await expect(phone.getByRole('link', { name: fileName })).toBeVisible()
      await fits(phone)
    })

    test('it is shown under a watermark; the traffic holds nothing of it in clear', async () => {
      recorder.start()
      await phone.getByRole('link', { name: fileName }).tap()
      const canvas = phone.frameLocator('iframe').locator('canvas').first()
      await expect(canvas).toBeVisible()
      // The sentence is painted dark on white: grey over the whole sheet is the watermark.
      await expect.poll(() => greyPixels(canvas)).toBeGreaterThan(1_000)
      await fits(phone)
      const heard = recorder.heard()
      expect(heard.includes(`/device/v1/files/${fileId}/releases`), 'the release was asked for').toBe(true)
      expect(heard.includes('/chunks/0'), 'the content was fetched').toBe(true)
      expect(heard.includes(secret.subarray(0, 32)), 'the content in clear').toBe(false)
      expect(heard.includes(sentence), 'a sentence of it').toBe(false)
      const view = await newestEvent(`action:file.view target:${fileId}`)
      expect(view).toMatchObject({ outcome: 'allowed', detail: { purpose: 'view' } })
    })

    test('PrintScreen is noticed and in the console, with document and page', async () => {
      await desk.goto(`/audit?q=${encodeURIComponent(`action:screenshot.attempt target:${fileId}`)}`)
      await expect(desk.getByText(/Nothing matches|No events/).first()).toBeVisible()
      // Its text lies above the painting.
      await phone.frameLocator('iframe').locator('canvas').first().tap({ force: true })
      const pressedAt = performance.now()
      await phone.keyboard.press('PrintScreen')
      const line = desk.getByRole('row').filter({ hasText: fileName })
      await expect(line.first()).toBeVisible()
      const elapsedMs = Math.round(performance.now() - pressedAt)
      test.info().annotations.push({ type: 'seen on the console after', description: `${elapsedMs} ms` })
      await expect(phone.getByText(t('noticed.printscreen'))).toBeVisible()
      const attempt = await newestEvent(`action:screenshot.attempt target:${fileId}`)
      expect(attempt?.detail).toMatchObject({ means: 'printscreen' })
      expect(Number(attempt?.detail.page)).toBe(1)
      expect(['detected', 'obscured']).toContain(attempt?.enforcement)
      const view = await newestEvent(`action:file.view target:${fileId}`)
      expect(attempt?.detail.session).toBe(view?.detail.session)
      await line.first().getByRole('link').first().click()
      await expect(desk.getByText(fileName).first()).toBeVisible()
    })

    test('a forward out of the organisation is refused in words, and recorded', async () => {
      await phone.getByRole('button', { name: t('view.forward') }).tap()
      await phone.getByLabel(t('forward.to')).fill('somebody@elsewhere.example')
      await fits(phone)
      await phone
        .getByRole('dialog')
        .getByRole('button', { name: t('forward.submit') })
        .tap()
      await expect(phone.getByRole('dialog').getByRole('alert')).toContainText(t('forward.denied.external_recipient'))
      await phone.keyboard.press('Escape')
      await expect(phone.getByRole('dialog')).toHaveCount(0)
      const refused = await newestEvent(`action:file.forward target:${fileId}`)
      expect(refused?.outcome).toBe('denied')
    })

    test('the person’s own page says what is seen, and what was recorded', async () => {
      exported = test.info().outputPath('exported.json')
      await context.storageState({ path: exported, indexedDB: true })
      const me = await context.newPage()
      await me.goto('/workspace/me')
      await expect(me.getByText(person.email)).toBeVisible()
      await expect(me.getByText(t('seen.server'))).toBeVisible()
      await expect(me.getByRole('list', { name: t('me.records') })).toContainText(fileName)
      await fits(me)
      await me.close()
    })

    test('copied cookies and storage open nothing, and neither does a session', async ({ browser }) => {
      const thief = await openPhone(browser, language, exported)
      const page = await thief.newPage()
      await page.goto('/workspace')
      await expect(page.getByRole('heading', { name: t('keyless.title') })).toBeVisible()
      await fits(page)
      await page.goto(`/workspace/files/${fileId}`)
      await expect(page.getByRole('heading', { name: t('keyless.title') })).toBeVisible()
      await expect(page.locator('iframe')).toHaveCount(0)
      await expect(page.getByText(fileName)).toHaveCount(0)
      await thief.close()
      const signedIn = await desk.context().newPage()
      await signedIn.goto(`/workspace/files/${fileId}`)
      await expect(signedIn.getByText(fileName)).toHaveCount(0)
      await expect(signedIn.getByRole('heading', { name: 'Make this browser a device' })).toBeVisible()
      await signedIn.close()
    })

    test('blocked: the content is gone at once', async () => {
      await desk.goto(`/devices/${deviceId}`)
      await expect(phone.locator('iframe')).toHaveCount(1)
      await desk.getByRole('button', { name: 'Block now' }).click()
      await expect(phone.getByRole('heading', { name: t('hold.blocked.title') })).toBeVisible()
      await expect(phone.locator('iframe')).toHaveCount(0)
      await expect(phone.getByText(fileName)).toHaveCount(0)
      await fits(phone)
    })

    test('erased: nothing is left in the browser, and its receipt verifies', async () => {
      await desk.goto(`/devices/${deviceId}/erase`)
      await desk.getByLabel('Reason', { exact: true }).selectOption('lost')
      await desk.getByLabel('Second factor').fill(owner.authenticator.code())
      await desk.getByRole('button', { name: 'Erase work data' }).click()
      await expect(desk.getByText('signature verified')).toBeVisible({ timeout: 60_000 })
      await expect(phone.getByRole('heading', { name: t('erased.title') })).toBeVisible()
      await expect(phone.getByText(t('erased.receiptState.accepted'))).toBeVisible()
      // What is left says that it was erased, and holds nothing else.
      expect(await keptBy(phone)).toEqual(['blobs/tombstone.json'])
      await fits(phone)
      const wiped = await newestEvent(`action:device.wipe.receipt device:${deviceId}`)
      expect(wiped?.outcome).toBe('allowed')
      await phone.getByRole('button', { name: t('erased.startOver') }).tap()
      await expect(phone.getByRole('heading', { name: t('enrol.title') })).toBeVisible()
      await context.close()
    })
  })
}

test.describe('a person without a link', () => {
  const t = wordsOf('en')
  const password = 'a long enough passphrase'
  let device: Page
  let member: BrowserContext

  test('signs in, lands in the workspace and makes this browser a device by one tap', async ({ browser }) => {
    const invited = await api('POST', '/people', { name: 'Mia Wu', email: 'mia@northwind.example', role: 'member' })
    const { url } = invited.invitation as { url: string }
    member = await openPhone(browser, 'en')
    device = await member.newPage()
    await device.goto(url)
    await device.getByLabel('Password').fill(password)
    await device.getByRole('button', { name: 'Join' }).tap()
    await expect(device.getByRole('heading', { name: t('enrol.self.title') })).toBeVisible()
    expect(new URL(device.url()).pathname).toBe('/workspace')
    await fits(device)
    await device
      .getByRole('button', { name: t('enrol.submit') })
      .first()
      .tap()
    await expect(device.getByRole('heading', { name: t('files.title') })).toBeVisible()
    const enrolled = await newestEvent('action:device.enroll actor:"Mia Wu"')
    expect(enrolled?.outcome).toBe('allowed')
  })

  test('loses it, and blocks it from any browser', async ({ browser }) => {
    const elsewhere = await openPhone(browser, 'en')
    const page = await elsewhere.newPage()
    await page.goto('/sign-in')
    await page.getByRole('link', { name: 'Lost your phone?' }).tap()
    await page.waitForURL(/next=/)
    await page.getByLabel('Email').fill('mia@northwind.example')
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).tap()
    await expect(page.getByRole('heading', { name: t('lost.title') })).toBeVisible()
    await fits(page)
    await page.getByRole('button', { name: t('lost.block') }).tap()
    await expect(device.getByRole('heading', { name: t('hold.blocked.title') })).toBeVisible()
    const blocked = await newestEvent('action:device.block actor:"Mia Wu"')
    expect(blocked?.outcome).toBe('allowed')
    await elsewhere.close()
  })
})
