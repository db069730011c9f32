import type { TestDatabase } from './harness.ts'

/** What somebody who owns the database can do: past its walls, in one transaction. Several statements have no values. */
export async function withoutWalls(
  { superuser }: TestDatabase,
  statement: string,
  values: readonly unknown[] = [],
): Promise<void> {
  const client = await superuser.connect()
  let isDone = false
  try {
    await client.query('BEGIN; SET LOCAL session_replication_role = replica')
    await client.query(statement, [...values])
    await client.query('COMMIT')
    isDone = true
  } finally {
    client.release(!isDone)
  }
}
