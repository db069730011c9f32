import type { TestProject } from 'vitest/node'
import { startThrowAwayPostgres } from './postgres.mjs'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the run's PostgreSQL; each worker creates a database of its own there. */
    adminUrl: string
  }
}

/** One throw-away PostgreSQL for the whole run, shared by all workers. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startThrowAwayPostgres()
  process.env.TEST_ADMIN_URL = postgres.url
  project.provide('adminUrl', postgres.url)
  return postgres.stop
}
