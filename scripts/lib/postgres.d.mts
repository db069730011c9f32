/** A running PostgreSQL; `exited` resolves with its exit code or signal. */
export interface RunningPostgres {
  /** A superuser's connection URL on loopback. */
  url: string
  port: number
  pid?: number
  exited?: Promise<number | string>
  stop(): Promise<void>
}

export interface PostgresOptions {
  dataDir: string
  /** Created when missing; default `gatehouse`. */
  database?: string
  /** Insists on this port; default: the last one if free. */
  port?: number
  onLog?: (line: string) => void
}

export function startPostgres(options: PostgresOptions): Promise<RunningPostgres>
export function openPostgres(options: PostgresOptions & { patienceMs?: number }): Promise<RunningPostgres>
export function startThrowAwayPostgres(options?: { onLog?: (line: string) => void }): Promise<RunningPostgres>
