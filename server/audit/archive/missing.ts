import 'server-only'
import { readTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { readRecordedFiles } from './files.ts'
import { ColdFileProblem } from './problem.ts'
import { requireBytes } from './verify.ts'

/** Names of recorded files, of every organisation, that are not in the store with the size and the sum that they had; reads all of them. */
export async function missingFromArchive(): Promise<string[]> {
  const missing: string[] = []
  for (const { id } of await listTenants()) {
    const files = await readTransaction(id, ({ sql }) => readRecordedFiles(sql, id))
    for (const file of files) {
      const isThere = await requireBytes(id, file).then(
        () => true,
        (error: unknown) => {
          if (error instanceof ColdFileProblem || isAppError(error)) return false
          throw error
        },
      )
      if (!isThere) missing.push(file.name)
    }
  }
  return missing
}
