/** Where a success that ends in a redirect leaves its sentence for the next page. */
export const FLASH_COOKIE = 'flash'

/**
 * The cookie that shows `sentence` once, as a toast, on the page that follows: `(await cookies()).set(flashCookie(t('saved')))`.
 * Scripts of the page read it, so nothing secret may be in it.
 */
export function flashCookie(sentence: string) {
  return { name: FLASH_COOKIE, value: sentence, path: '/', maxAge: 30, sameSite: 'lax', httpOnly: false } as const
}
