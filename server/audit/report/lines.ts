/** The width of a piece of text in the size it is set in. */
export type Measure = (text: string) => number

// Breaks after a space, and around every character of a script without spaces; long words break anywhere if they must.
const PIECES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。、；：！？）】》」』]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。、；：！？）】》」』]+\s*|\s+/gu
const NO_START = /^[，。、；：！？）】》」』]/u

/** The text in lines of at most `width`. An empty text is one empty line. */
export function linesOf(text: string, width: number, measure: Measure): string[] {
  const lines: string[] = ['']
  for (const piece of text.match(PIECES) ?? []) {
    const line = lines.at(-1) ?? ''
    const fits = measure((line + piece).trimEnd()) <= width
    if (fits || (NO_START.test(piece) && line !== '')) lines[lines.length - 1] = line + piece
    else for (const [n, part] of cut(piece, width, measure).entries()) addPart(lines, part, n)
  }
  return lines.map((line) => line.trimEnd())
}

function addPart(lines: string[], part: string, number: number): void {
  if (number === 0 && lines.at(-1) === '') lines[lines.length - 1] = part
  else lines.push(part)
}

function cut(piece: string, width: number, measure: Measure): string[] {
  if (measure(piece.trimEnd()) <= width) return [piece]
  const parts: string[] = ['']
  for (const char of piece) {
    const part = parts.at(-1) ?? ''
    if (part !== '' && measure(part + char) > width) parts.push(char)
    else parts[parts.length - 1] = part + char
  }
  return parts
}
