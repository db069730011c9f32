import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { type Cidr, parseCidr } from '#lib/client-address.ts'

/* What a variable may hold; each message says what is allowed. */

export function port(fallback: number) {
  const allowed = 'must be a port number from 1 to 65535'
  return z
    .string()
    .regex(/^\d{1,5}$/, allowed)
    .transform(Number)
    .refine((value) => value >= 1 && value <= 65_535, allowed)
    .default(fallback)
}

export function parseUrl(value: string, protocols: readonly string[]): URL | undefined {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  // A PostgreSQL URL may name a socket's folder instead of a host.
  const host = parsed?.hostname || parsed?.searchParams.get('host')
  return parsed && host && protocols.includes(parsed.protocol) ? parsed : undefined
}

export function url(protocols: readonly string[], form: string) {
  return z.string().refine((value) => parseUrl(value, protocols) !== undefined, `must look like ${form}`)
}

/** An origin alone: a path would be lost wherever a link is built from it. */
export function origin(protocols: readonly string[]) {
  const form = `must look like ${protocols.map((protocol) => `${protocol}//host[:port]`).join(' or ')}, without a path`
  return z.string().transform((value, context) => {
    const parsed = parseUrl(value, protocols)
    if (parsed && `${parsed.origin}/` === parsed.href) return parsed.origin
    context.addIssue({ code: 'custom', message: form })
    return z.NEVER
  })
}

/** Like `origin`, of something that is sent what is nobody else's business: plain HTTP does on this machine alone. */
export function privateOrigin() {
  return origin(['https:', 'http:']).refine(
    (value) => isPrivate(new URL(value)),
    'must be https:// (http:// on this machine alone)',
  )
}

export function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

/** A credential as it goes into a header. The message does not repeat it. */
export function word() {
  return z.string().regex(/^[!-~]+$/, 'must be printable ASCII without spaces')
}

export function readableFile() {
  return z
    .string()
    .transform((value) => resolve(value))
    .refine(isReadable, 'must name a file that can be read')
}

export function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

export function cidrs(value: string, context: z.RefinementCtx): Cidr[] {
  const entries = value.split(',').map((entry) => entry.trim())
  return entries.filter(Boolean).flatMap((entry) => {
    try {
      return [parseCidr(entry)]
    } catch {
      const message = `must be networks such as 10.0.0.0/8 or ::1, separated by commas (got ${JSON.stringify(entry)})`
      context.addIssue({ code: 'custom', message })
      return []
    }
  })
}
