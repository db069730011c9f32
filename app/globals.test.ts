import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync(new URL('./globals.css', import.meta.url), 'utf8')
const light = block(':root {')
const dark = block(':root[data-theme="dark"] {')
const darkBySystem = block(':root:not([data-theme="light"]) {')

const grounds = ['bg', 'surface', 'sunken', 'accent-soft']
const text = ['ink', 'ink-2', 'ink-3'].flatMap((ink) => grounds.map((ground) => [ink, ground] as const))
const words = ['ok', 'warn', 'danger', 'violet', 'accent'].flatMap((tone) =>
  [tone, `${tone}-soft`, 'bg', 'surface'].slice(1).map((ground) => [tone, ground] as const),
)
const filled = [
  ['accent-ink', 'accent'],
  ['danger-ink', 'danger'],
  ['ink', 'warn-soft'],
  ['ink', 'danger-soft'],
  ['ink', 'ok-soft'],
  ['ink', 'avatar'],
] as const

describe('the colours', () => {
  it('of the dark theme are the same by choice and by system', () => {
    expect(darkBySystem).toEqual(dark)
  })

  describe.each([
    ['light', light],
    ['dark', dark],
  ])('%s', (_name, colours) => {
    it.each([...text, ...words, ...filled])('%s on %s is readable (WCAG 1.4.3)', (ink, ground) => {
      expect(contrast(colours[ink], colours[ground])).toBeGreaterThanOrEqual(4.5)
    })

    it.each(['bg', 'surface'])('the edge of a control shows on %s (WCAG 1.4.11)', (ground) => {
      expect(contrast(colours.control, colours[ground])).toBeGreaterThanOrEqual(3)
    })
  })
})

function block(head: string): Record<string, string> {
  const start = css.indexOf(head)
  const body = css.slice(start, css.indexOf('}', start))
  return Object.fromEntries(
    [...body.matchAll(/--([a-z0-9-]+): ([^;]+);/g)].map(([, name = '', value = '']) => [name, value]),
  )
}

function contrast(a: string | undefined, b: string | undefined): number {
  const [bright = 0, dim = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (bright + 0.05) / (dim + 0.05)
}

function luminance(hex: string | undefined): number {
  const channels = [1, 3, 5].map((at) => Number.parseInt(hex?.slice(at, at + 2) ?? '', 16) / 255)
  const [r = 0, g = 0, b = 0] = channels.map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
