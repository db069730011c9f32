/**
 * Where a success that ends in a redirect leaves its sentence for the next page: a cookie that scripts of the page may
 * read (`httpOnly: false`, `path: '/'`, a short `maxAge`). The toaster shows it once and drops it; nothing secret in it.
 */
export const FLASH_COOKIE = 'flash'
