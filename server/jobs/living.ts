import 'server-only'

/** What is asked of the queue's connections. */
type Connection = {
  query<Row>(text: string, values: unknown[]): Promise<{ rows: Row[] }>
  release(isBroken: boolean): void
}
type Connections = { connect(): Promise<Connection> }

const EVERY_MS = 5_000
/** A worker may hold a job for a moment before it is known to live. */
const GRACE_SECONDS = 5

const HOLD = `
  SELECT id FROM unnest($1::text[]) AS id WHERE pg_try_advisory_lock(hashtextextended('gatehouse.worker.' || id, 0))`

const GIVE_BACK = `
  WITH holding AS MATERIALIZED (
    SELECT DISTINCT locked_by AS id FROM graphile_worker.jobs
    WHERE locked_at < now() - make_interval(secs => $1) AND locked_by <> ALL ($2::text[])
  ), dead AS MATERIALIZED (
    SELECT id FROM holding WHERE pg_try_advisory_xact_lock(hashtextextended('gatehouse.worker.' || id, 0))
  )
  SELECT graphile_worker.force_unlock_workers(array_agg(id)) FROM dead HAVING count(*) > 0`

/** Those of one queue that take jobs. */
export type Living = {
  /** Says that a worker lives, as soon as it can be said. */
  add(id: string): void
  /** Looks at once. */
  look(): Promise<void>
  /** They live no longer: what they still hold is given back by whoever looks next. */
  stop(): Promise<void>
}

/**
 * Says which workers of the queue live, and gives back the jobs of those that died with them, which the queue itself would keep
 * for four hours. A worker lives while a connection of its process holds a lock by its name: however a process ends, the lock ends
 * with it. Whoever only lost that connection may find a job taken twice, as every job may be.
 */
export function keepLiving(connections: Connections, onError: (error: unknown) => void): Living {
  const ids: string[] = []
  const held = new Set<string>()
  let connection: Connection | undefined
  let looking = Promise.resolve()
  const timer = setInterval(() => void look(), EVERY_MS)

  function look(): Promise<void> {
    looking = looking.then(lookOnce).catch((error: unknown) => {
      letGo()
      onError(error)
    })
    return looking
  }

  async function lookOnce(): Promise<void> {
    connection ??= await connections.connect()
    const { rows } = await connection.query<{ id: string }>(HOLD, [ids.filter((id) => !held.has(id))])
    for (const { id } of rows) held.add(id)
    await connection.query(GIVE_BACK, [GRACE_SECONDS, ids])
  }

  function letGo(): void {
    held.clear()
    connection?.release(true)
    connection = undefined
  }

  return {
    add: (id) => void ids.push(id),
    look,
    stop: async () => {
      clearInterval(timer)
      await looking
      letGo()
    },
  }
}
