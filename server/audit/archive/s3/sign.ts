import { createHash, createHmac } from 'node:crypto'

/** A request as it is signed. `path` as it is sent, each segment encoded by `encodePart`; `headers` by lower-case names, `host` among them. */
export type Signable = {
  method: string
  path: string
  query?: Readonly<Record<string, string>>
  headers: Readonly<Record<string, string>>
  /** Hex. */
  payloadSha256: string
  at: Date
}

export type SigningScope = { accessKeyId: string; secretAccessKey: string; region: string; service: string }

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** SHA-256 of no bytes, hex. */
export const EMPTY_SHA256 = createHash('sha256').digest('hex')

/**
 * The `authorization` of a request by AWS Signature Version 4, over all of its headers; `x-amz-date` is the caller's to add.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function authorizationOf(request: Signable, scope: SigningScope): string {
  const { method, path, query = {}, headers, payloadSha256, at } = request
  const names = Object.keys(headers).sort()
  const signed = names.join(';')
  const lines = names.map((name) => `${name}:${headers[name]?.trim().replaceAll(/ +/g, ' ')}\n`).join('')
  const canonical = [method, path, canonicalQuery(query), lines, signed, payloadSha256].join('\n')

  const time = amzDate(at)
  const place = `${time.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`
  const toSign = [ALGORITHM, time, place, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = place.split('/').reduce<string | Buffer>(hmac, `AWS4${scope.secretAccessKey}`)
  const signature = hmac(key, toSign).toString('hex')
  return `${ALGORITHM} Credential=${scope.accessKeyId}/${place}, SignedHeaders=${signed}, Signature=${signature}`
}

/** The query of a request in the order and form that is signed, without a question mark. */
export function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
    .sort()
    .join('&')
}

/** `20130524T000000Z`. */
export function amzDate(at: Date): string {
  return at.toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
}

/** All but the unreserved characters of RFC 3986 as their bytes. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
