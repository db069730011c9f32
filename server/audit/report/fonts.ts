import 'server-only'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, type Font } from 'fontkit'
import subsetFont from 'subset-font'

/**
 * Noto Sans, and Noto Sans SC in about a hundred slices by character, as they are made for the web. A report embeds the few
 * characters it prints: Chinese names print wherever it is opened, and it stays small. The first family that has one writes it.
 */
const FAMILIES = ['noto-sans', 'noto-sans-sc'] as const
const PACKAGES = join(process.cwd(), 'node_modules/@fontsource-variable')

export const WEIGHTS = { regular: 400, bold: 650 } as const
export type Weight = keyof typeof WEIGHTS

/** Printed for a character that no slice has. */
const SUBSTITUTE = '□'
/** What is printed beside the document's own texts: the numbers of pages, the signs of lists. */
const ALWAYS = ` 0123456789/•${SUBSTITUTE}`

/** `name` is the file's, without its ending. */
type Slice = { name: string; ranges: readonly (readonly [from: number, to: number])[] }

export type ReportFonts = {
  /** Names by which the document knows the fonts, and their TrueType bytes. */
  files: readonly { name: string; bytes: Buffer }[]
  /** The text as it can be printed, in runs of one font each. */
  runsOf(text: string, weight: Weight): readonly Run[]
}
export type Run = { font: string; text: string }

let known: readonly Slice[] | undefined

function slices(): readonly Slice[] {
  known ??= FAMILIES.flatMap(readSlices)
  return known
}

function readSlices(family: string): Slice[] {
  const file = JSON.parse(readFileSync(join(PACKAGES, family, 'unicode.json'), 'utf8')) as Record<string, string>
  return Object.entries(file).map(([name, ranges]) => ({
    name: `${family}/files/${family}-${name.replaceAll(/[[\]]/g, '')}-wght-normal`,
    ranges: ranges.split(',').map((range) => {
      const [from = 0, to = from] = range
        .replace(/^U\+/i, '')
        .split('-')
        .map((hex) => Number.parseInt(hex, 16))
      return [from, to] as const
    }),
  }))
}

/** The fonts for exactly this text. Takes about 10 ms for each slice. */
export async function makeFonts(text: string): Promise<ReportFonts> {
  const sliceOf = slicesOf(printable(`${text}${ALWAYS}`))
  const bySlice = Map.groupBy(sliceOf.keys(), (char) => sliceOf.get(char) ?? '')
  const files: { name: string; bytes: Buffer }[] = []
  for (const [slice, chars] of bySlice) {
    const woff2 = readSlice(slice)
    for (const [weight, wght] of Object.entries(WEIGHTS)) {
      const options = { targetFormat: 'truetype', variationAxes: { wght } } as const
      files.push({ name: `${slice} ${weight}`, bytes: await subsetFont(woff2, chars.join(''), options) })
    }
  }
  return { files, runsOf: (line, weight) => runsOf(line, weight, sliceOf) }
}

function readSlice(name: string): Buffer {
  return readFileSync(join(PACKAGES, `${name}.woff2`))
}

/** Which slice holds each character; those that none holds are left out. The ranges promise more than the fonts have. */
function slicesOf(text: string): Map<string, string> {
  const fonts = new Map<string, Font>()
  const fontOf = (name: string): Font => {
    // A slice is one font and no collection.
    const font = fonts.get(name) ?? (create(readSlice(name)) as Font)
    fonts.set(name, font)
    return font
  }
  const found = new Map<string, string>()
  for (const char of new Set(text)) {
    const code = char.codePointAt(0) ?? 0
    const slice = slices().find(
      ({ name, ranges }) =>
        ranges.some(([from, to]) => code >= from && code <= to) && fontOf(name).hasGlyphForCodePoint(code),
    )
    if (slice) found.set(char, slice.name)
  }
  return found
}

function runsOf(text: string, weight: Weight, sliceOf: ReadonlyMap<string, string>): Run[] {
  const runs: Run[] = []
  for (const given of printable(text)) {
    const char = sliceOf.get(given) ? given : SUBSTITUTE
    const font = `${sliceOf.get(char) ?? ''} ${weight}`
    const last = runs.at(-1)
    if (last?.font === font) last.text += char
    else runs.push({ font, text: char })
  }
  return runs
}

/** Without what moves or hides other characters: a name must not print as another one. */
export function printable(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll(/[\p{Cf}\p{Variation_Selector}]/gu, '')
    .replaceAll(/[\p{Cc}\s]/gu, ' ')
}
