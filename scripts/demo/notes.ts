import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const notesSchema = z.object({
  tenantId: z.string(),
  email: z.string(),
  password: z.string(),
  /** Seed of the owner's authenticator, in base 32. */
  secret: z.string(),
  /** Folders of the devices below `demo/`; `isSilent` ones stay away. */
  devices: z.array(z.object({ folder: z.string(), isSilent: z.boolean() })),
  /** What the devices open and try. */
  files: z.array(z.object({ id: z.string(), labels: z.array(z.string()) })),
})

/** What the demo remembers of itself; it holds secrets, of made-up people only. */
export type Notes = z.infer<typeof notesSchema>

const pathOf = (dataDir: string) => join(dataDir, 'demo.json')

/** Null before the demo was prepared to its end. */
export function readNotes(dataDir: string): Notes | null {
  return existsSync(pathOf(dataDir)) ? notesSchema.parse(JSON.parse(readFileSync(pathOf(dataDir), 'utf8'))) : null
}

export function writeNotes(dataDir: string, notes: Notes): void {
  writeFileSync(`${pathOf(dataDir)}.new`, `${JSON.stringify(notes)}\n`, { mode: 0o600 })
  // Died before: the next start says that the demo is incomplete.
  renameSync(`${pathOf(dataDir)}.new`, pathOf(dataDir))
}

/** Where a simulated device keeps what any device keeps. */
export function deviceDir(dataDir: string, folder: string): string {
  return join(dataDir, 'demo', folder)
}
