import 'server-only'
import pg from 'pg'

/** A connection of pgTransaction. */
export type BareClient = pg.PoolClient

/**
 * Runs `COPY … TO STDOUT` and hands on what comes, message after message: each row is one, and so is the trailer. A message is good
 * only until `take` returns. Answers when all of it came.
 */
export async function copyOut(client: BareClient, statement: string, take: (message: Buffer) => void): Promise<void> {
  await client.query(new CopyOut(statement, take)).done
}

/** One of pg's own queries, so that it may stand among pipelined statements: unlike a cursor it keeps nothing open. */
class CopyOut extends pg.Query {
  readonly done: Promise<void>
  readonly #take: (message: Buffer) => void

  constructor(statement: string, take: (message: Buffer) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    super(statement, (error: Error | undefined) => (error ? reject(error) : resolve()))
    this.done = promise
    this.#take = take
  }

  /** Called by pg. */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#take(chunk)
  }
}
