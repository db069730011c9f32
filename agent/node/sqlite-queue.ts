import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EventQueue, LocalCipher } from '#agent/core/ports.ts'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'

// SQLite gives what a queue of our own would have to prove: one writer among processes whose lock dies with it, a number
// and its line committed together, a torn write rolled back. `synchronous=FULL` makes a commit durable.
const FOLDER = 'queue'
const SCHEMA = `
  PRAGMA journal_mode = DELETE;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  CREATE TABLE IF NOT EXISTS counter (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, size INTEGER NOT NULL, sealed BLOB NOT NULL);
  INSERT OR IGNORE INTO counter VALUES (1, 0);
`
const BUSY_TIMEOUT_MS = 20_000

const contextOf = (seq: number) => `gatehouse/event/v1/${seq}`

function openDatabase(directory: string): DatabaseSync {
  const folder = join(directory, FOLDER)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'events.db')
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  database.exec(SCHEMA)
  return database
}

function numberOf(row: Record<string, unknown> | undefined, column: string): number {
  const value = row?.[column]
  return typeof value === 'number' ? value : 0
}

/** The queue of one device directory. Every line is sealed under the device's own secret, bound to its number. */
export function openSqliteQueue(directory: string, cipher: LocalCipher): EventQueue {
  const database = openDatabase(directory)
  const lastStatement = database.prepare('SELECT last FROM counter')
  let tail: Promise<unknown> = Promise.resolve()

  async function appendLocked(lineFor: (seq: number) => string): Promise<number> {
    // IMMEDIATE: the number is read under the writer's lock. Died before COMMIT: neither number nor line exist.
    database.exec('BEGIN IMMEDIATE')
    try {
      const seq = numberOf(lastStatement.get(), 'last') + 1
      const line = utf8Encode(lineFor(seq))
      const sealed = await cipher.seal(line, contextOf(seq))
      database.prepare('INSERT INTO event VALUES (?, ?, ?)').run(seq, line.length + 1, sealed)
      database.prepare('UPDATE counter SET last = ?').run(seq)
      database.exec('COMMIT')
      return seq
    } catch (error) {
      if (database.isOpen && database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  /** One after the other within this process: a transaction belongs to the connection. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = tail.then(work)
    tail = turn.catch(() => undefined)
    return turn
  }

  async function peek(limits: { lines: number; bytes: number }): Promise<{ seq: number; line: string }[]> {
    const rows = database.prepare('SELECT seq, size, sealed FROM event ORDER BY seq LIMIT ?').iterate(limits.lines)
    const taken: { seq: number; sealed: Uint8Array }[] = []
    let bytes = 0
    for (const row of rows) {
      bytes += numberOf(row, 'size')
      if (taken.length > 0 && bytes > limits.bytes) break
      if (row.sealed instanceof Uint8Array) taken.push({ seq: numberOf(row, 'seq'), sealed: row.sealed })
    }
    const lines = taken.map(async ({ seq, sealed }) => ({
      seq,
      line: utf8Decode(await cipher.open(sealed, contextOf(seq))),
    }))
    return Promise.all(lines)
  }

  return {
    append: (lineFor) => inTurn(() => appendLocked(lineFor)),
    peek: (limits) => inTurn(() => peek(limits)),
    acknowledge: (through) =>
      inTurn(async () => {
        database.prepare('DELETE FROM event WHERE seq <= ?').run(through)
      }),
    state: () =>
      inTurn(async () => ({
        lastSeq: numberOf(lastStatement.get(), 'last'),
        waiting: numberOf(database.prepare('SELECT count(*) AS waiting FROM event').get(), 'waiting'),
      })),
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

/** Removes the queue. Its lines are unreadable once the device's secret is gone. */
export async function destroySqliteQueue(directory: string): Promise<void> {
  await rm(join(directory, FOLDER), { recursive: true, force: true })
}
