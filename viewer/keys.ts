/** What a press of keys may mean, as far as a browser is told about it. Used on both sides. */

export interface KeyPress {
  key: string
  code: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
}

export type Attempt = 'printscreen' | 'shortcut' | 'print' | 'copy' | 'save'

/**
 * The attempt that this press is, or null.
 * The system swallows most of these: Windows tells a browser of PrintScreen when the key is released, macOS tells of the
 * modifiers alone. Whatever arrives is named here; what does not arrive cannot be noticed.
 */
export function attemptOf(press: KeyPress): Attempt | null {
  if (press.key === 'PrintScreen' || press.key === 'Snapshot' || press.code === 'PrintScreen') return 'printscreen'
  // macOS: whole screen, area, panel, Touch Bar. Windows: the snipping tool.
  if (press.metaKey && press.shiftKey && /^(Digit[3-6]|KeyS)$/.test(press.code)) return 'shortcut'
  // Firefox and Edge: their own capture.
  if (press.ctrlKey && press.shiftKey && isLetter(press, 's')) return 'shortcut'
  if (!(press.ctrlKey || press.metaKey) || press.altKey) return null
  if (isLetter(press, 'p')) return 'print'
  if (press.shiftKey) return null
  if (isLetter(press, 'c') || isLetter(press, 'x') || press.key === 'Insert') return 'copy'
  return isLetter(press, 's') ? 'save' : null
}

/** The keys that the capture shortcuts of macOS and Windows begin with. */
export function isPoised({ metaKey, shiftKey }: Pick<KeyPress, 'metaKey' | 'shiftKey'>): boolean {
  return metaKey && shiftKey
}

/** By letter where the layout is Latin, by place where it is not. */
function isLetter({ key, code }: KeyPress, letter: string): boolean {
  return key.toLowerCase() === letter || (!/^[a-z]$/i.test(key) && code === `Key${letter.toUpperCase()}`)
}
