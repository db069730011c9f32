import { createHmac, randomInt } from 'node:crypto'
import type { CommandContext } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { derivedKey } from '#server/kernel/keys.ts'
import { matchingStep } from './totp.ts'

export type FactorMethod = 'totp' | 'recovery_code'

type Whose = { personId: string; code: string }
type Context = Pick<CommandContext<unknown>, 'tx' | 'sql' | 'tenantId' | 'now' | 'vault'>

/**
 * Proves a person's second factor by a code and uses the code up; null when it is wrong, used or nothing is enrolled.
 * The claim is a conditional write before anything is issued: of twenty requests with one code one gets it. If the process
 * dies before the commit the code was not used.
 */
export async function proveFactor(context: Context, { personId, code }: Whose): Promise<FactorMethod | null> {
  const { tx, tenantId } = context
  if (/^\d{6}$/.test(code)) return (await claimStep(context, { personId, code })) ? 'totp' : null
  if (!(await hasFactor(tx, tenantId, personId))) return null
  const used = await tx.recoveryCode.deleteMany({
    where: { tenantId, personId, codeHash: hashRecoveryCode(personId, code) },
  })
  return used.count === 1 ? 'recovery_code' : null
}

async function claimStep({ tx, sql, tenantId, now, vault }: Context, { personId, code }: Whose): Promise<boolean> {
  const row = await tx.totpCredential.findFirst({
    where: { tenantId, personId, confirmedAt: { not: null } },
    select: { seed: true },
  })
  if (!row) return false
  const seed = (await vault()).open(row.seed, 'totp_credential', 'seed', personId)
  const step = matchingStep(seed, code, now)
  if (step === null) return false
  const claimed = await sql(
    `UPDATE totp_credential SET last_step = $3::text::bigint WHERE tenant_id = $1::uuid AND person_id = $2::uuid AND last_step < $3::text::bigint RETURNING 1 AS claimed`,
    [tenantId, personId, String(step)],
  )
  return claimed.length === 1
}

export async function hasFactor(tx: Tx, tenantId: string, personId: string): Promise<boolean> {
  const row = await tx.totpCredential.findFirst({
    where: { tenantId, personId, confirmedAt: { not: null } },
    select: { personId: true },
  })
  return row !== null
}

const RECOVERY_CODES = 10
// Crockford's base32: no I, L, O or U to misread.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Ten fresh codes of 60 bits in place of the earlier ones; only their hashes stay. */
export async function replaceRecoveryCodes({ tx, tenantId, now }: Context, personId: string): Promise<string[]> {
  await tx.recoveryCode.deleteMany({ where: { tenantId, personId } })
  const codes = Array.from({ length: RECOVERY_CODES }, () =>
    Array.from({ length: 12 }, () => ALPHABET[randomInt(32)]).join(''),
  )
  await tx.recoveryCode.createMany({
    data: codes.map((code) => ({ tenantId, personId, codeHash: hashRecoveryCode(personId, code), createdAt: now })),
  })
  return codes.map((code) => code.replace(/(.{4})(?=.)/g, '$1-'))
}

/** Keyed: who holds the database alone cannot try 2⁶⁰ codes against it. */
function hashRecoveryCode(personId: string, code: string): Uint8Array<ArrayBuffer> {
  // What people read as letters that the alphabet lacks, as Crockford decodes them.
  const normal = code.replaceAll('O', '0').replace(/[IL]/g, '1')
  return new Uint8Array(createHmac('sha256', derivedKey('recovery-code')).update(`${personId}\0${normal}`).digest())
}

/** Takes every second factor of a person away. */
export async function dropFactors(tx: Tx, tenantId: string, personId: string): Promise<boolean> {
  await tx.recoveryCode.deleteMany({ where: { tenantId, personId } })
  return (await tx.totpCredential.deleteMany({ where: { tenantId, personId } })).count > 0
}
