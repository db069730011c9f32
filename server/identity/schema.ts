import { z } from 'zod'
import { emailField, textField, uuidField } from '#server/kernel/fields.ts'
import { PERMISSIONS, type Permission } from '#server/kernel/permissions.ts'
import { personName } from '#server/people/schema.ts'
import { tenantName } from '#server/tenants/schema.ts'

export const PASSWORD_MIN = 12
export const PASSWORD_MAX = 256

/** A new password: any characters, long rather than odd (NIST SP 800-63B section 3.1.1.2). What it must not be, `passwordProblem` says. */
export const newPassword = z
  .string()
  .refine((text) => text.isWellFormed(), 'holds a lone surrogate')
  .transform((text) => text.normalize('NFC'))
  .pipe(
    z
      .string()
      .min(PASSWORD_MIN, `needs at least ${PASSWORD_MIN} characters`)
      .max(PASSWORD_MAX, `may have at most ${PASSWORD_MAX} characters`),
  )

/** A password as somebody types it to prove themselves; whether it is right is not a question of its form. */
export const givenPassword = z
  .string()
  .min(1, 'is required')
  .max(1_024, 'may have at most 1024 characters')
  .transform((text) => text.normalize('NFC'))

/** Six digits of an authenticator app, or a recovery code; spaces and dashes as people type them. */
export const factorCode = z
  .string()
  .max(40, 'is not a code')
  .transform((text) => text.replace(/[\s-]/g, '').toUpperCase())
  .pipe(z.string().regex(/^(\d{6}|[0-9A-Z]{12})$/, 'is not a code'))

/** Why a password may not be used, or null. `words` are what an attacker would try first: the address and the organisation's name. */
export function passwordProblem(password: string, words: readonly string[]): string | null {
  const lower = password.toLowerCase()
  const known = words.flatMap((word) => [word, word.split('@')[0] ?? '']).map((word) => word.toLowerCase().trim())
  if (known.some((word) => word !== '' && lower === word)) return 'must not be the address or the organisation’s name'
  return new Set(lower).size < 4 ? 'repeats too few characters' : null
}

export const foundingInput = z.object({
  organisation: tenantName,
  name: personName,
  email: emailField(),
  password: newPassword,
})
export type Founding = z.input<typeof foundingInput>

export const credentialsInput = z.object({
  email: emailField(),
  password: givenPassword,
  tenantId: uuidField().optional(),
})
export type Credentials = z.output<typeof credentialsInput>

export const changePasswordInput = z.object({ current: givenPassword, next: newPassword })
export const acceptInput = z.object({ token: z.string().max(200, 'is not an invitation'), password: newPassword })

export const apiKeyInput = z.object({
  name: textField({ max: 80 }),
  scopes: z
    .array(z.enum(PERMISSIONS, `must be one of ${PERMISSIONS.join(', ')}`))
    .min(1, 'needs at least one')
    .transform((scopes) => [...new Set(scopes)].sort()),
})

export type SessionState = 'active' | 'second_factor' | 'enroll_factor'

/** One place where a person is signed in. */
export type SessionView = {
  id: string
  current: boolean
  address: string
  userAgent: string
  device: { browser: string; system: string }
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

export type FactorView = {
  enrolled: boolean
  enrolledAt: Date | null
  recoveryCodesLeft: number
  deadline: Date | null
}

/** What an authenticator app needs; shown until a code confirms it. */
export type EnrolmentView = { secret: string; uri: string }

/** `maker_suspended`: the key rests while the person who made it is suspended. */
export type ApiKeyState = 'active' | 'revoked' | 'maker_suspended'

export type ApiKeyView = {
  id: string
  name: string
  hint: string
  scopes: Permission[]
  state: ApiKeyState
  createdAt: Date
  createdBy: { id: string; name: string } | null
  lastUsedAt: Date | null
  lastAddress: string | null
  revokedAt: Date | null
}

const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdgA?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\bFirefox\/(\d+)/, 'Firefox'],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[.\d]* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
]

const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows NT/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

/** The browser and system that a User-Agent claims; empty where it says nothing known. It is a claim, not a proof. */
export function describeUserAgent(userAgent: string): { browser: string; system: string } {
  const browser = BROWSERS.flatMap(([pattern, name]) => {
    const version = pattern.exec(userAgent)?.[1]
    return version ? [`${name} ${version}`] : []
  })[0]
  return { browser: browser ?? '', system: SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? '' }
}
