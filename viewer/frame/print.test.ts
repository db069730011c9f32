import { expect, test } from 'vitest'
import { paperDensity } from './print.ts'

/** Of a canvas as it lies on the sheet: how many of its pixels stand for one of the paper's. */
const onPaper = (canvas: { width: number; height: number }) => Math.max(canvas.width / 703, canvas.height / 1032)

test('the watermark is as large on paper whatever size the page says it has', () => {
  for (const size of [
    { width: 794, height: 1123 },
    { width: 19_200, height: 19_200 },
    { width: 40, height: 12_000 },
    { width: 20, height: 20 },
  ]) {
    const canvas = { width: size.width * 1.5, height: size.height * 1.5 }
    expect(paperDensity(canvas.width, size)).toBeCloseTo(onPaper(canvas), 6)
  }
})
