import { escapeForDisplay } from '#lib/text.ts'

/** Text that somebody else wrote, as it may stand on the screen: what hides or reorders is spelt out, lines stay lines. */
export function visibleText(text: string): string {
  return text.split(/\r?\n/).map(escapeForDisplay).join('\n')
}
