/**
 * DuckDB in a process of its own: what it does with a file of the archive can end this process, never the one that asked. It is told
 * statements over the channel to its parent and goes when that is closed. It sees the archive's directories and nothing else.
 */
import { rmSync } from 'node:fs'
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBListValue,
  type DuckDBResult,
  type DuckDBValue,
} from '@duckdb/node-api'
import {
  CHUNKS_AHEAD,
  type EngineAnswer,
  type EngineCell,
  type EngineRequest,
  type EngineValue,
  ROOTS,
} from './messages.ts'

const MEMORY = '1GB'
/** Characters of one message, about. */
const MESSAGE_SIZE = 2_000_000

type Asked = {
  connection: DuckDBConnection | null
  room: number
  wake: (() => void) | null
  cancelled: boolean
  interrupting: NodeJS.Timeout | null
}
/** A statement that is just about to begin does not notice that it is interrupted. */
const INTERRUPT_AGAIN_MS = 50

const asked = new Map<number, Asked>()

const roots = JSON.parse(process.env[ROOTS] ?? '[]') as string[]

async function openEngine(): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: MEMORY })
  const connection = await instance.connect()
  const own = roots.at(-1)
  if (own) await connection.run(`SET temp_directory = ${quoted(own)}`)
  await connection.run(`SET allowed_directories = [${roots.map((root) => quoted(`${root}/`)).join(', ')}]`)
  for (const setting of [
    'autoinstall_known_extensions = false',
    'autoload_known_extensions = false',
    'parquet_metadata_cache = true',
    'enable_external_access = false',
    'lock_configuration = true',
  ])
    await connection.run(`SET ${setting}`)
  connection.closeSync()
  return instance
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

async function answer(own: Asked, { id, statement, values }: EngineRequest & { kind: 'ask' }) {
  try {
    const instance = await opened
    own.connection = await instance.connect()
    if (!own.cancelled) await sendRows(id, own, await own.connection.stream(statement, values.map(bound)))
    say({ kind: 'end', id })
  } catch (error) {
    say({ kind: 'failure', id, message: error instanceof Error ? error.message : String(error) })
  } finally {
    asked.delete(id)
    if (own.interrupting) clearInterval(own.interrupting)
    own.connection?.closeSync()
  }
}

function cancel(own: Asked): void {
  own.cancelled = true
  own.connection?.interrupt()
  own.interrupting ??= setInterval(() => own.connection?.interrupt(), INTERRUPT_AGAIN_MS)
}

async function sendRows(id: number, own: Asked, result: DuckDBResult): Promise<void> {
  for (;;) {
    const chunk = await result.fetchChunk()
    if (own.cancelled || !chunk || chunk.rowCount === 0) return
    for (const rows of pieces(chunk.getRows().map((row) => row.map(cell)))) {
      if (own.room === 0)
        await new Promise<void>((wake) => {
          own.wake = wake
        })
      if (own.cancelled) return
      own.room--
      say({ kind: 'rows', id, rows })
    }
  }
}

/** Rows with long texts go a few at a time: whoever asked holds several such messages. */
function* pieces(rows: EngineCell[][]): Generator<EngineCell[][]> {
  let from = 0
  let size = 0
  for (const [n, row] of rows.entries()) {
    size += row.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0)
    if (size < MESSAGE_SIZE) continue
    yield rows.slice(from, n + 1)
    from = n + 1
    size = 0
  }
  if (from < rows.length) yield rows.slice(from)
}

function bound(value: EngineValue): DuckDBValue {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

function cell(value: DuckDBValue): EngineCell {
  switch (typeof value) {
    case 'bigint':
      return Number(value)
    case 'string':
    case 'number':
    case 'boolean':
      return value
  }
  if (value === null) return null
  if (value instanceof DuckDBListValue) return value.items.map(cell)
  if (value instanceof DuckDBBlobValue) return value.bytes
  return value.toString()
}

function say(message: EngineAnswer): void {
  if (process.connected) process.send?.(message)
}

const opened = openEngine()

process.on('message', (request: EngineRequest) => {
  if (request.kind === 'ask') {
    const own: Asked = { connection: null, room: CHUNKS_AHEAD, wake: null, cancelled: false, interrupting: null }
    // Before anything is waited for: it may be cancelled at once.
    asked.set(request.id, own)
    void answer(own, request)
    return
  }
  const own = asked.get(request.id)
  // Whoever cancels waits for an end, also of what has ended already.
  if (!own) return request.kind === 'cancel' ? say({ kind: 'end', id: request.id }) : undefined
  if (request.kind === 'more') own.room++
  else cancel(own)
  own.wake?.()
  own.wake = null
})
process.on('disconnect', () => {
  // Whoever started us may be gone by the time we are.
  const own = roots.at(-1)
  if (own) rmSync(own, { recursive: true, force: true })
  process.exit(0)
})
