/** DuckDB with nothing around it: runs the statements it is told, one after the other, and says how long all of them took. */
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

type Told = { statements: readonly { statement: string; values: readonly (string | number | null)[] }[]; calls: number }

const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB' })
const connection = await instance.connect()
await connection.run('SET parquet_metadata_cache = true')

process.on('message', async ({ statements, calls }: Told) => {
  const times: number[] = []
  for (let n = 0; n < calls; n++) {
    const startedMs = performance.now()
    for (const { statement, values } of statements) {
      const bound = values.map((value): DuckDBValue => (Number.isInteger(value) ? BigInt(value as number) : value))
      await (await connection.runAndReadAll(statement, bound)).getRows()
    }
    times.push(performance.now() - startedMs)
  }
  process.send?.(times)
})
process.on('disconnect', () => process.exit(0))
