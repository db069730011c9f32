import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { JOB_TABLE, SEALED_COLUMNS, SEALED_JOBS } from './sealed-columns.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Where the place is not written out beside `seal(`: what it is, looked up by hand. A new line here is looked at twice. */
const SPREAD: Record<string, readonly string[]> = {
  'server/identity/enrolment.ts ...waitingPlace(actor)': ['totp_credential.seed'],
  // Contents: of files, of uploads that become files, of what is made to be shown.
  'server/content/chunks.ts ...keyPlace': ['file.file_key', 'file_upload.file_key', 'file_rendition.file_key'],
  // The rotation itself.
  'server/tenants/reseal.ts placeTable': [],
  'server/tenants/reseal.ts ...place': [],
}

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return entry.name === 'generated' || entry.name === 'node_modules' ? [] : sources(path)
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : []
  })
}

/** The arguments of each call of a method `seal` behind the first one, as they are written. */
function placesOf(text: string): string[][] {
  return [...text.matchAll(/\.seal\(/g)].map(({ index }) => {
    const [, ...place] = argumentsAt(text, index + '.seal('.length)
    return place
  })
}

function argumentsAt(text: string, start: number): string[] {
  const parts = ['']
  let depth = 0
  for (let i = start; i < text.length; i++) {
    const char = text[i] ?? ''
    if (depth === 0 && char === ')') break
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char)) depth--
    if (depth === 0 && char === ',') parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.map((part) => part.trim()).filter(Boolean)
}

const calls = ['server', 'gateway', 'app', 'cli'].flatMap((room) =>
  sources(join(ROOT, room)).flatMap((file) =>
    placesOf(readFileSync(file, 'utf8')).map((place) => ({ file: relative(ROOT, file), place })),
  ),
)

const literal = (text: string | undefined) => /^'(\w+)'$/.exec(text ?? '')?.[1]

test('every place that seals a value is one that a rotation finds again', () => {
  const known = new Set([
    ...SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`),
    ...SEALED_JOBS.map(({ column }) => `${JOB_TABLE}.${column}`),
  ])
  const used = new Set<string>()
  const unknown: string[] = []
  expect(calls.length).toBeGreaterThan(8)
  for (const { file, place } of calls) {
    const [table, column] = [literal(place[0]), literal(place[1])]
    const names = table && column ? [`${table}.${column}`] : SPREAD[`${file} ${place[0]}`]
    if (!names || names.some((name) => !known.has(name))) unknown.push(`${file}: seal(…, ${place.join(', ')})`)
    for (const name of names ?? []) used.add(name)
  }
  expect(
    unknown,
    'add the column to server/kernel/sealed-columns.ts and guard it in a migration (guard_sealed)',
  ).toEqual([])
  expect([...known].filter((name) => !used.has(name))).toEqual([])
})
