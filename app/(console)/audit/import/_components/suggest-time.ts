/** Day, month and year in some order, then a clock that may lack seconds and may say its zone. */
const DATES: readonly (readonly [RegExp, (parts: string[]) => string])[] = [
  [/^(\d{4})([-/.])\d\d\2\d\d/, ([, , mark]) => `yyyy${mark}MM${mark}dd`],
  [/^\d\d\.\d\d\.\d{4}/, () => 'dd.MM.yyyy'],
  // Which of both is the month shows only where one of them is none.
  [
    /^(\d{1,2})([-/])(\d{1,2})\2\d{4}/,
    ([, first, mark]) => (Number(first) > 12 ? `d${mark}M${mark}yyyy` : `M${mark}d${mark}yyyy`),
  ],
  [/^\d{1,2} [A-Za-z]{3} \d{4}/, () => 'd MMM yyyy'],
]
const CLOCK = /^(,?)( |T)(\d{1,2}):\d\d(:\d\d)?(\.\d{1,9})?( ?[AaPp][Mm])?( ?)(Z|[+-]\d\d:?\d\d)?$/
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** The form that a time of the file stands in, as a mapping names it; null where the text looks like none. */
export function suggestTimeFormat(text: string): string | null {
  const value = text.trim()
  if (RFC3339.test(value)) return 'rfc3339'
  if (/^\d{10}(\.\d+)?$/.test(value)) return 'unix'
  if (/^\d{13}$/.test(value)) return 'unix_ms'
  for (const [pattern, formOf] of DATES) {
    const found = pattern.exec(value)
    if (!found) continue
    const clock = clockForm(value.slice(found[0].length))
    return clock === null ? null : formOf([...found]) + clock
  }
  return null
}

function clockForm(text: string): string | null {
  if (text === '') return ''
  const [whole, comma, gap, hour, seconds, fraction, half, space, zone] = CLOCK.exec(text) ?? []
  if (whole === undefined) return null
  const hours = half === undefined ? 'H' : 'h'
  return [
    comma,
    gap === 'T' ? "'T'" : gap,
    hour?.length === 2 ? hours.repeat(2) : hours,
    ':mm',
    seconds === undefined ? '' : ':ss',
    fraction === undefined ? '' : '.S',
    half === undefined ? '' : half.startsWith(' ') ? ' a' : 'a',
    zone === undefined ? '' : `${space}X`,
  ].join('')
}
