/**
 * How text becomes words, the same for the index, the query and the recheck.
 *
 * A text is folded (NFKC, lower case) and cut into tokens: a run of letters, marks and digits is one token, but in scripts
 * that put no spaces between words (Chinese, Japanese, Thai …) every character is one. A phrase matches tokens that follow each
 * other, whatever stands between them, so that `report.pdf` finds "Report (PDF)" and 王小明 finds itself inside any text.
 */
const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`
const TOKEN = new RegExp(`[${UNSPACED}]\\p{M}*|(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}])+`, 'gu')
const SINGLE = new RegExp(`^[${UNSPACED}]`, 'u')

/** Lengths, in characters, of the beginnings of a word that are indexed; a longer prefix uses the longest and is rechecked. */
export const GRAM_LENGTHS = [4, 2] as const

// Marks that choose between glyphs of one character.
const VARIATION = /[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu

/** Text as it is compared: compatibility forms made one (NFKC), lower case, without variation selectors. */
export function fold(text: string): string {
  return text.replace(VARIATION, '').normalize('NFKC').toLowerCase().normalize('NFKC')
}

const ASCII = /^[\x20-\x7e]*$/

/** The tokens of a text in their order. */
export function tokensOf(text: string): readonly string[] {
  // Most texts are ASCII, where folding is lower case; this is the hot path of every append.
  if (ASCII.test(text)) return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return fold(text).match(TOKEN) ?? []
}

/** Whether a token is one character of a script without spaces. */
export function isSingle(token: string): boolean {
  return SINGLE.test(token)
}

/**
 * What is indexed for tokens in sequence: each token, and each pair of neighbouring single characters, because one character
 * alone says little in a script without spaces.
 */
export function unitsOf(tokens: readonly string[]): readonly string[] {
  return [...tokens, ...pairsOf(tokens)]
}

/**
 * The fewest units that every text with these tokens in sequence has: pairs instead of the single characters they cover. What
 * is repeated in the sequence is repeated here: one unit decides about a text, the same one twice does not.
 */
export function narrowestUnits(tokens: readonly string[]): readonly string[] {
  const covered = new Set<number>()
  tokens.forEach((token, i) => {
    if (isPair(token, tokens[i + 1])) covered.add(i).add(i + 1)
  })
  return [...tokens.filter((_, i) => !covered.has(i)), ...pairsOf(tokens)]
}

/** The indexed beginnings of a token; none for single characters, which are indexed as they are. */
export function gramsOf(token: string): readonly string[] {
  if (isSingle(token)) return []
  const characters = Array.from(token)
  return GRAM_LENGTHS.filter((length) => length <= characters.length).map((length) =>
    characters.slice(0, length).join(''),
  )
}

/** Whether `text` has `tokens` one after the other; with `prefix` the last needs only to be begun. */
export function hasSequence(text: string, tokens: readonly string[], prefix: boolean): boolean {
  const found = tokensOf(text)
  const last = tokens.length - 1
  const agrees = (token: string, candidate: string | undefined, begun: boolean) =>
    candidate === token || (begun && !isSingle(token) && candidate?.startsWith(token) === true)
  return found.some((_, at) => tokens.every((token, i) => agrees(token, found[at + i], prefix && i === last)))
}

function pairsOf(tokens: readonly string[]): string[] {
  return tokens.flatMap((token, i) => {
    const next = tokens[i + 1]
    return next !== undefined && isPair(token, next) ? [token + next] : []
  })
}

function isPair(token: string, next: string | undefined): boolean {
  return next !== undefined && isSingle(token) && isSingle(next)
}
