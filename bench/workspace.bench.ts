/**
 * The workspace as a person has it: opening a PDF of 1 MB in a real browser that is a bound device, a published file appearing in an
 * open list, and the sealing of a content to the device against bare AES-256-GCM over the same bytes.
 */

import { createCipheriv, randomBytes } from 'node:crypto'
import { type Browser, chromium, type Page } from '@playwright/test'
import { uuidv7 } from '#lib/uuid.ts'
import { RELEASE_CHUNK_BYTES } from '#protocol/device/release.ts'
import { sealChunk } from '#server/content/release-chunk.ts'
import { type Instance, startInstance } from '../e2e/support/instance.ts'
import { foundOrganisation, type Operator } from '../e2e/support/operator.ts'
import { makePdf } from '../e2e/support/pdf.ts'
import { provideChromium } from '../scripts/lib/browser.mjs'
import { enough } from './page-load.ts'
import { type Run, report } from './report.ts'

const OPENINGS = enough('BENCH_OPENINGS', 30)
const PUBLICATIONS = enough('BENCH_PUBLICATIONS', 20)
const RUNS = enough('BENCH_RUNS', 7)
const PDF_BYTES = 1_000_000
const SEALED_BYTES = 64 * RELEASE_CHUNK_BYTES

/** How many bytes a second, of work that went over `SEALED_BYTES`. */
function bytesPerSecond(work: (chunk: Buffer, number: number) => unknown): number {
  const chunk = randomBytes(RELEASE_CHUNK_BYTES)
  const startedMs = performance.now()
  for (let number = 0; number * RELEASE_CHUNK_BYTES < SEALED_BYTES; number++) work(chunk, number)
  return SEALED_BYTES / ((performance.now() - startedMs) / 1000)
}

function measureSealing(): Run[] {
  const [tenantId, deviceId, enrollmentId, fileId, releaseId] = Array.from({ length: 5 }, () => uuidv7()) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const key = randomBytes(32)
  const place = { tenantId, deviceId, enrollmentId, fileId, releaseId, isLast: false }
  const sealed = () => bytesPerSecond((chunk, number) => sealChunk(key, chunk, { ...place, number }))
  const bare = () =>
    bytesPerSecond((chunk) => {
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12))
      return [cipher.update(chunk), cipher.final(), cipher.getAuthTag()]
    })
  // The first rounds compile; nobody measures them.
  sealed()
  bare()
  return Array.from({ length: RUNS }, () => ({ ours: sealed() / 1e6, baseline: bare() / 1e6 }))
}

async function publish(operator: Operator, name: string, content: Buffer, type: string): Promise<string> {
  const form = new FormData()
  form.set('audience', 'everyone')
  form.set('file', new File([new Uint8Array(content)], name, { type }))
  return String((await operator.insist('POST', '/files', form)).id)
}

/** A browser at the width of a phone, enrolled by the link that the console shows. */
async function enrolBrowser(browser: Browser, instance: Instance, operator: Operator): Promise<Page> {
  const { code } = await operator.insist('POST', '/enrollment-codes', { personId: operator.owner.personId })
  const page = await (await browser.newContext({ baseURL: instance.consoleUrl })).newPage()
  await page.goto(`/workspace/enrol#code=${code}`)
  await page.getByRole('button', { name: 'Make this browser a device' }).click()
  await page.waitForURL('**/workspace')
  return page
}

/** As long as a person at least looks at the list; meanwhile the viewer gets ready for whatever is opened. */
const LOOKING_MS = 1_000

/** From the tap on the file to its first painted page; milliseconds by the page's own clock. */
async function openingMs(page: Page, name: string): Promise<number> {
  await page.waitForTimeout(LOOKING_MS)
  await page.evaluate(() => {
    performance.clearMarks('gatehouse:file-shown')
    addEventListener('click', () => performance.mark('bench:tap'), { once: true, capture: true })
  })
  await page.getByRole('link', { name }).click()
  const shown = await page.waitForFunction(
    () => {
      const [tap] = performance.getEntriesByName('bench:tap').slice(-1)
      const [mark] = performance.getEntriesByName('gatehouse:file-shown')
      return tap && mark ? mark.startTime - tap.startTime : null
    },
    undefined,
    { polling: 20 },
  )
  const ms = Number(await shown.jsonValue())
  await page.getByRole('link', { name: 'Files' }).first().click()
  await page.getByRole('link', { name }).waitFor()
  return ms
}

/** From asking for a publication to the file's name in the open list. */
async function appearingMs(page: Page, operator: Operator, n: number): Promise<number> {
  const startedMs = performance.now()
  const appears = page.getByRole('link', { name: `Note ${n}.txt` }).waitFor()
  await publish(operator, `Note ${n}.txt`, Buffer.from(`Note ${n}`), 'text/plain')
  await appears
  return performance.now() - startedMs
}

function told(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${at(1)} ms, of ${values.length}`
}

const runs = measureSealing()
const instance = await startInstance({ env: { LOG_LEVEL: 'warn' } })
const operator = await foundOrganisation(instance)
const executablePath = provideChromium()
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
try {
  const pdf = makePdf({ pages: 12, imageBytes: PDF_BYTES })
  await publish(operator, 'Board deck.pdf', pdf, 'application/pdf')
  const page = await enrolBrowser(browser, instance, operator)
  await page.getByText('PDF').first().waitFor()
  const first = await openingMs(page, 'Board deck.pdf')
  const openings: number[] = []
  for (let n = 0; n < OPENINGS; n++) openings.push(await openingMs(page, 'Board deck.pdf'))
  const appearances: number[] = []
  for (let n = 0; n < PUBLICATIONS; n++) appearances.push(await appearingMs(page, operator, n))
  report({
    name: 'workspace',
    unit: 'MB/s sealed to a device',
    runs,
    notes: {
      what: `chunks of 1 MiB sealed to a device, bound to release and place (ours) against bare AES-256-GCM of Node (baseline)`,
      [`opening a PDF of ${pdf.length} bytes, tap to first page`]: told(openings),
      'the same, the first time in this browser': `${Math.round(first)} ms`,
      'publication asked for to the name in an open list': told(appearances),
    },
  })
} finally {
  await browser.close()
  await operator.close()
  await instance.stop()
}
