import './wiring.ts'
import { createHash, randomBytes } from 'node:crypto'
import type { NextApiRequest, NextApiResponse } from 'next'
import NextAuthModule, { type NextAuthOptions } from 'next-auth'
import CredentialsModule from 'next-auth/providers/credentials'
import { openSession, type Verified, verifyCredentials } from '#server/identity/commands.ts'
import { type Client, signedInByToken } from '#server/identity/queries.ts'
import type { SessionState } from '#server/identity/schema.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { derivedKey } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { clientOf } from './client.ts'
import { cookieNames } from './cookie-names.ts'

const log = createLog('next-auth')
const SESSION_SECONDS = 7 * 24 * 3_600

// A CommonJS package: a bundler hands over its default, plain Node the whole module.
const NextAuth = unwrap(NextAuthModule)
const Credentials = unwrap(CredentialsModule)

function unwrap<T>(module: T): T {
  return (module as { default?: T }).default ?? module
}

type Issued = { token: string; state: SessionState; tenantId: string }

/** What one sign-in through next-auth came to; filled by its callbacks. */
export type SignInReport = { issued?: Issued; choose?: { id: string; name: string }[]; error?: unknown }

type Settings = { report?: SignInReport; forceEnrolment?: boolean }
type Opened = { tenantId: string; personId: string; client: Client }

/**
 * next-auth with revocable sessions: its cookie is our opaque token. `encode` opens a session only at sign-in, where the token
 * carries no raw token yet; whenever next-auth writes a cookie again it gets the same bytes. `decode` looks the session up.
 */
export async function authOptions({ report = {}, forceEnrolment = false }: Settings = {}): Promise<NextAuthOptions> {
  const names = await cookieNames()
  // next-auth builds its own links from this variable alone.
  process.env.NEXTAUTH_URL = readEnv().url
  const cookie = (name: string) => ({ name, options: { httpOnly: true, sameSite: 'lax', path: '/', secure: true } })
  return {
    secret: derivedKey('next-auth').toString('base64url'),
    session: { strategy: 'jwt', maxAge: SESSION_SECONDS },
    pages: { signIn: '/sign-in', error: '/sign-in' },
    cookies: {
      sessionToken: cookie(names.session),
      csrfToken: cookie(names.csrf),
      callbackUrl: cookie(names.callback),
    },
    logger: { error: (code) => log.error({ problem: code }, 'next-auth'), warn: () => {}, debug: () => {} },
    providers: [
      Credentials({
        id: 'credentials',
        name: 'password',
        credentials: { email: {}, password: {}, tenantId: {} },
        authorize: (credentials, request) =>
          authorize(credentials, clientOf(new Headers(plain(request.headers))), report),
      }),
    ],
    callbacks: {
      jwt: async ({ token, user }) => (user ? { opened: (user as unknown as { opened: Opened }).opened } : token),
      session: async ({ session }) => ({ expires: session.expires }),
      redirect: async ({ url, baseUrl }) =>
        url.startsWith('/') && !/^\/[/\\]/.test(url) ? `${baseUrl}${url}` : baseUrl,
    },
    jwt: {
      maxAge: SESSION_SECONDS,
      encode: async ({ token }) => {
        if (typeof token?.raw === 'string') return token.raw
        const opened = token?.opened as Opened
        const { token: raw, state } = await openSession({
          ...opened,
          method: forceEnrolment ? 'setup' : 'password',
          forceEnrolment,
        })
        report.issued = { token: raw, state, tenantId: opened.tenantId }
        return raw
      },
      decode: async ({ token }) =>
        token && (await signedInByToken(token, { address: '', userAgent: '' })) ? { raw: token } : null,
    },
  }
}

function plain(headers: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

type Given = Record<string, string> | undefined

/** Never says why to next-auth, which would put it into an address; the report has it. */
async function authorize(given: Given, client: Client, report: SignInReport) {
  const verified = await attempt(given, client, report)
  if (verified?.kind === 'choose') report.choose = verified.organisations
  if (verified?.kind !== 'one') return null
  const opened: Opened = { tenantId: verified.tenantId, personId: verified.personId, client }
  return { id: verified.personId, opened }
}

async function attempt(given: Given, client: Client, report: SignInReport): Promise<Verified | null> {
  const { email = '', password = '', tenantId } = given ?? {}
  try {
    return await verifyCredentials({ email, password, ...(tenantId ? { tenantId } : {}) }, client)
  } catch (error) {
    report.error = error
    if (!isAppError(error)) log.error({ err: error }, 'a sign-in failed')
    return null
  }
}

type PasswordSignIn = { email: string; password: string; tenantId?: string | undefined; forceEnrolment?: boolean }

export type SignInResult =
  | ({ kind: 'signed_in' } & Issued)
  | { kind: 'choose'; organisations: { id: string; name: string }[] }

/**
 * Signs in through next-auth's own credentials callback, for our server actions: they have checked the request's origin, so
 * the pair of tokens with which next-auth checks it again is made here.
 * @throws AppError bad_credentials · rate_limited · tenant_suspended · invalid
 */
export async function signInWithPassword(
  { email, password, tenantId, forceEnrolment = false }: PasswordSignIn,
  client: Client,
): Promise<SignInResult> {
  const report: SignInReport = {}
  const options = await authOptions({ report, forceEnrolment })
  const csrfToken = randomBytes(32).toString('hex')
  const csrfCookie = `${csrfToken}|${createHash('sha256').update(`${csrfToken}${options.secret}`).digest('hex')}`
  const request = {
    method: 'POST',
    query: { nextauth: ['callback', 'credentials'] },
    body: { email, password, csrfToken, ...(tenantId ? { tenantId } : {}) },
    cookies: { [options.cookies?.csrfToken?.name ?? '']: csrfCookie },
    headers: { 'x-gatehouse-client-ip': client.address, 'user-agent': client.userAgent },
  }
  // next-auth's handler for API routes takes a request and a response of this shape; it reads and writes nothing else.
  await NextAuth(request as unknown as NextApiRequest, silentResponse() as unknown as NextApiResponse, options)
  if (report.issued) return { kind: 'signed_in', ...report.issued }
  if (report.choose) return { kind: 'choose', organisations: report.choose }
  throw report.error ?? new AppError('internal', { cause: new Error('next-auth issued no session') })
}

/** Swallows what next-auth would answer: the session's cookie is set by the caller, with the same attributes. */
function silentResponse() {
  const response = {
    status: () => response,
    setHeader: () => response,
    getHeader: () => undefined,
    json: () => response,
    send: () => response,
    end: () => response,
  }
  return response
}

type RouteContext = { params: Promise<{ nextauth?: string[] }> }

/** The only routes of next-auth that exist here; `/api/auth/session` would hand out what it should not. */
const ROUTED: ReadonlySet<string> = new Set(['GET csrf', 'GET signin', 'GET error', 'POST callback/credentials'])

/** next-auth's route handler. @returns 404 for everything not routed */
export async function authRoute(request: Request, context: RouteContext): Promise<Response> {
  const path = ((await context.params).nextauth ?? []).join('/')
  if (!ROUTED.has(`${request.method} ${path}`)) return new Response(null, { status: 404 })
  return NextAuth(
    request as unknown as NextApiRequest,
    context as unknown as NextApiResponse,
    await authOptions(),
  ) as Promise<Response>
}
