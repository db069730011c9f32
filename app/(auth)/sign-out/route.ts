import { isSameOrigin } from '#server/http/client.ts'
import { signOutBrowser } from '#server/http/sign-in.ts'
import { readEnv } from '#server/kernel/env.ts'

/** Ends the browser's sessions; a full navigation, so that nothing of them stays in memory, and caches are dropped. */
export async function POST(request: Request): Promise<Response> {
  if (!isSameOrigin(request.headers, readEnv().url)) return new Response(null, { status: 403 })
  await signOutBrowser()
  return new Response(null, {
    status: 303,
    headers: { location: '/sign-in', 'clear-site-data': '"cache", "storage"', 'cache-control': 'no-store' },
  })
}
