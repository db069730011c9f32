import { cookies } from 'next/headers'
import { FLASH_COOKIE } from '#components/form/flash.ts'
import { type CookieNames, cookieNames } from './cookie-names.ts'

const SESSION_SECONDS = 7 * 24 * 3_600
const PARKED_MAX = 8

const secure = { path: '/', httpOnly: true, sameSite: 'lax', secure: true } as const

export async function readSessionToken(): Promise<string | undefined> {
  const { session } = await cookieNames()
  return (await cookies()).get(session)?.value
}

/** Only in a server action or a route handler. */
export async function writeSessionToken(token: string): Promise<void> {
  await write('session', token)
}

export async function dropSessionToken(): Promise<void> {
  const names = await cookieNames()
  const jar = await cookies()
  for (const name of [names.session, names.parked]) jar.set(name, '', { ...secure, maxAge: 0 })
}

/** Tokens of the other organisations that this browser is signed in to; each is looked up before it is believed. */
export async function readParkedTokens(): Promise<string[]> {
  const { parked } = await cookieNames()
  return ((await cookies()).get(parked)?.value ?? '')
    .split('~')
    .filter((token) => token !== '')
    .slice(0, PARKED_MAX)
}

export async function writeParkedTokens(tokens: readonly string[]): Promise<void> {
  await write('parked', tokens.slice(0, PARKED_MAX).join('~'))
}

async function write(cookie: keyof CookieNames, value: string): Promise<void> {
  const names = await cookieNames()
  const jar = await cookies()
  jar.set(names[cookie], value, { ...secure, maxAge: value === '' ? 0 : SESSION_SECONDS })
}

/** A finished sentence that the next page shows once. */
export async function writeFlash(message: string): Promise<void> {
  const jar = await cookies()
  jar.set(FLASH_COOKIE, message, { path: '/', maxAge: 30, httpOnly: false, sameSite: 'lax' })
}
