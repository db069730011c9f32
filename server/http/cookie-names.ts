import { instanceId } from '#server/identity/queries.ts'

/** Browsers do not keep cookies of two ports apart: the instance's id does. `__Host-` binds them to this host, HTTPS and the root path. */
export type CookieNames = { session: string; parked: string; csrf: string; callback: string }

export async function cookieNames(): Promise<CookieNames> {
  const suffix = (await instanceId()).slice(0, 8)
  return {
    session: `__Host-gatehouse.${suffix}`,
    /** Sessions of other organisations that this browser is signed in to. */
    parked: `__Host-gatehouse-parked.${suffix}`,
    csrf: `__Host-gatehouse-csrf.${suffix}`,
    callback: `__Host-gatehouse-next.${suffix}`,
  }
}

/** The value of one cookie of a request. */
export function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
}
