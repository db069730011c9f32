/** The console's start, before its first request: the instance's keys are opened, so that a wrong master key is said at once. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { isMasterKeyError, openKeys } = await import('#server/kernel/keys.ts')
  await openKeys().catch((error: unknown) => {
    // A database that is away comes back: whatever is asked of it first opens the keys then.
    if (!isMasterKeyError(error)) return
    console.error(error.message)
    process.exit(1)
  })
}
