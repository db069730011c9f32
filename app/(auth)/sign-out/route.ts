import { isSameOrigin } from '#server/http/client.ts'
import { signOutBrowser } from '#server/http/sign-in.ts'
import { readEnv } from '#server/kernel/env.ts'

/**
 * Ends the browser's sessions; a full navigation, so that nothing of them stays in memory, and caches are dropped. Not the
 * storage: there the browser's keys as a device lie, which a sign-out does not touch.
 */
export async function POST(request: Request): Promise<Response> {
  if (!isSameOrigin(request.headers, readEnv().url)) return new Response(null, { status: 403 })
  await signOutBrowser()
  return new Response(null, {
    status: 303,
    headers: { location: '/sign-in', 'clear-site-data': '"cache"', 'cache-control': 'no-store' },
  })
}
