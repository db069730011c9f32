import 'server-only'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { placeBytes } from './cipher.ts'
import type { TransitSettings } from './env/vault.ts'
import { type MasterKey, MasterKeyError } from './master-key.ts'

const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 64 * 1024
/** Pauses before the second and the third attempt. */
const RETRY_AFTER_MS = [200, 1_000] as const
const VARIABLE = 'GATEHOUSE_MASTER_KEY'

const encrypted = z.object({ data: z.object({ ciphertext: z.string().startsWith('vault:v') }) })
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) })
const refused = z.object({ errors: z.array(z.string()) })

/** The master key that never leaves Vault: it wraps by `encrypt` and unwraps by `decrypt`, bound to the place by `associated_data`. */
export function openTransit(options: TransitSettings): MasterKey {
  const { mount, keyName, address } = options
  const call = (operation: 'encrypt' | 'decrypt', body: object) =>
    postRetrying(options, `/v1/${mount}/${operation}/${encodeURIComponent(keyName)}`, body)

  const wrap: MasterKey['wrap'] = async (plain, place) => {
    const body = { plaintext: base64(plain), associated_data: base64(placeBytes(place)) }
    return Buffer.from(encrypted.parse(await call('encrypt', body)).data.ciphertext)
  }
  const unwrap: MasterKey['unwrap'] = async (wrapped, place) => {
    const body = { ciphertext: Buffer.from(wrapped).toString(), associated_data: base64(placeBytes(place)) }
    return Buffer.from(decrypted.parse(await call('decrypt', body)).data.plaintext, 'base64')
  }
  return {
    id: `vault:${mount}/${keyName}`,
    where: `${address}/${mount}/${keyName}`,
    wrap,
    unwrap,
    check: () => checkTransit({ wrap, unwrap }),
    newestVersion: async () => {
      const newest = versionOf(await wrap(randomBytes(32), ['probe']))
      return (wrapped) => versionOf(wrapped) === newest
    },
  }
}

/** `vault:v3:…` says under which version of the key it was made. */
function versionOf(wrapped: Uint8Array): string | undefined {
  return Buffer.from(wrapped).toString().split(':', 2)[1]
}

/** Both directions, and that a key moved elsewhere does not open: a Vault before 1.9 would pass over the associated data. */
async function checkTransit({ wrap, unwrap }: Pick<MasterKey, 'wrap' | 'unwrap'>): Promise<void> {
  const probe = randomBytes(32)
  const wrapped = await wrap(probe, ['probe', 'here'])
  if (!(await unwrap(wrapped, ['probe', 'here'])).equals(probe))
    throw new MasterKeyError(`${VARIABLE}: Vault did not give back what it had wrapped`)
  const elsewhere = await unwrap(wrapped, ['probe', 'elsewhere']).catch((error: unknown) => {
    if (error instanceof VaultRefusal) return null
    throw error
  })
  if (elsewhere !== null)
    throw new MasterKeyError(
      `${VARIABLE}: this Vault ignores associated_data, so that keys could be swapped: use 1.9 or newer and an AES-GCM key`,
    )
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Vault understood and will not (400): the value does not open, or the request is wrong. */
class VaultRefusal extends Error {
  override name = 'VaultRefusal'
}

/** Tried again while Vault is away, sealed or busy; what it refuses is refused at once. @throws MasterKeyError · VaultRefusal */
async function postRetrying(options: TransitSettings, path: string, body: object): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    const answer = await post(options, path, body).catch((error: Error) => error)
    const pause = RETRY_AFTER_MS[attempt]
    if (!isPassing(answer) || pause === undefined) return readAnswer(options, answer)
    await sleep(pause)
  }
}

type Answer = { status: number; text: string }

function isPassing(answer: Answer | Error): boolean {
  return answer instanceof Error ? !(answer instanceof MasterKeyError) : answer.status === 429 || answer.status >= 500
}

function readAnswer({ address, mount, keyName }: TransitSettings, answer: Answer | Error): unknown {
  const key = `${address}/${mount}/${keyName}`
  if (answer instanceof MasterKeyError) throw answer
  if (answer instanceof Error)
    throw new MasterKeyError(`${VARIABLE}: Vault at ${address} cannot be reached: ${answer.message}`)
  const { status, text } = answer
  if (status === 200) return JSON.parse(text)
  const said = sayings(text)
  if (status === 403)
    throw new MasterKeyError(
      `${VARIABLE}: Vault refuses the token for ${key}: it needs update on encrypt and decrypt (VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_NAMESPACE)`,
    )
  if (status === 404) throw new MasterKeyError(`${VARIABLE}: Vault has no transit engine or key at ${key}`)
  if (status === 400) throw new VaultRefusal(`Vault refuses: ${said}`)
  if (status === 503)
    throw new MasterKeyError(`${VARIABLE}: Vault at ${address} is sealed or not ready (503${said && `: ${said}`})`)
  throw new MasterKeyError(`${VARIABLE}: Vault at ${address} answers ${status}${said && `: ${said}`}`)
}

function sayings(text: string): string {
  try {
    return refused.parse(JSON.parse(text)).errors.join('; ').slice(0, 300)
  } catch {
    return ''
  }
}

function post(options: TransitSettings, path: string, body: object): Promise<Answer> {
  const { address, namespace, caFile } = options
  const url = new URL(path, address)
  const payload = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
    'x-vault-token': readToken(options),
    // An agent of Vault that listens for us asks for this header.
    'x-vault-request': 'true',
    ...(namespace ? { 'x-vault-namespace': namespace } : {}),
  }
  const settings = { method: 'POST', headers, signal: AbortSignal.timeout(TIMEOUT_MS) }
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? https.request(url, { ...settings, ...(caFile ? { ca: readFileSync(caFile) } : {}) })
        : http.request(url, settings)
    request.once('error', (error) =>
      reject(settings.signal.aborted ? new Error(`no answer in ${TIMEOUT_MS / 1_000} s`) : error),
    )
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too long'))
      })
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.end(payload)
  })
}

function readToken({ token, tokenFile }: TransitSettings): string {
  if (!tokenFile) return token ?? ''
  try {
    return readFileSync(tokenFile, 'utf8').trim()
  } catch (error) {
    throw new MasterKeyError(`VAULT_TOKEN_FILE cannot be read (${(error as { code?: string }).code ?? error})`)
  }
}
