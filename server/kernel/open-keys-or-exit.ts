import 'server-only'
import { isMasterKeyError, openKeys } from './keys.ts'

/** Opens the instance's keys as a process starts, so that a wrong master key is said at once and ends it. */
export async function openKeysOrExit(): Promise<void> {
  await openKeys().catch((error: unknown) => {
    // A database that is away comes back: whatever is asked of it first opens the keys then.
    if (!isMasterKeyError(error)) return
    console.error(error.message)
    process.exit(1)
  })
}
