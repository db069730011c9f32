import 'server-only'

/** The same items; the next one is on its way while one is worked on: the database and this process work at the same time. */
export async function* readingAhead<T>(items: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = items.next()
  try {
    for (;;) {
      const { value, done } = await next
      if (done) return
      next = items.next()
      // Whoever asks for it hears of it; until then it is nobody's.
      next.catch(() => {})
      yield value
    }
  } finally {
    await items.return()
  }
}
