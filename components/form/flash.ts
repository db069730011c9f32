/**
 * A success that ends in a redirect is told on the next page: the action sets this cookie to the finished sentence
 * (`maxAge: 30`, `httpOnly: false`, `path: '/'`), the toaster shows it once and drops it.
 */
export const FLASH_COOKIE = 'flash'
