import 'server-only'
import { openRootSecret } from './root-secret.ts'
import { runtime } from './runtime.ts'

/**
 * Makes the instance's keys ready: asks the master key for the root secret, once a process. Every process calls it when it starts, so
 * that a master key that is wrong, away or refused stops the start; whatever comes first otherwise does it on its way.
 * @throws MasterKeyError saying what to do
 */
export async function openKeys(): Promise<void> {
  const target = runtime()
  target.opening ??= open().catch((error: unknown) => {
    // Asked again, it tries again.
    target.opening = undefined
    throw error
  })
  await target.opening
}

async function open(): Promise<void> {
  const target = runtime()
  await target.masterKeys.configured().check()
  target.rootSecret = await openRootSecret(target.masterKeys)
}
