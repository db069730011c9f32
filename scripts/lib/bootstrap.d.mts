/** Node arguments for one of our TypeScript entries. */
export function entryArgs(entry: string, ...preloads: string[]): string[]

/** Migrates the database and writes the processes' own logins into the data directory's secrets. */
export function bootstrap(options: {
  env: Readonly<Record<string, string | undefined>>
  adminUrl: string
  sink: { pass: (name: string, line: string, level?: string) => void }
}): Promise<{ setupUrl: string | null }>
