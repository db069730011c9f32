/** The console's start, before its first request. Next builds this for its edge runtime, too, where nothing of ours is. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { openKeysOrExit } = await import('#server/kernel/open-keys-or-exit.ts')
    await openKeysOrExit()
  }
}
