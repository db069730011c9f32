import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

/** Where a log's files come from: a gateway or a folder with the same layout. */
export type LogSource = {
  /** Null where there is no such file. */
  read: (path: string) => Promise<Uint8Array | null>
  /** A server has every tile; a copy may have been made without those of the upper levels. */
  isWhole: boolean
}

/** A source that cannot be read at all. */
export class SourceError extends Error {
  override name = 'CliError'
}

/** `ca`: the file of a certificate that is believed beside the usual ones. */
export type SourceOptions = { apiKey?: string | undefined; ca?: string | undefined }

/** Opens `https://HOST/log/ORGANISATION`. @throws SourceError */
export function openGateway(place: string, { apiKey, ca }: SourceOptions): LogSource {
  if (ca !== undefined) {
    if (!existsSync(ca)) throw new SourceError(`--ca: there is no file ${ca}`)
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(ca, 'utf8')])
  }
  const base = place.replace(/\/+$/, '')
  return { read: (path) => download(`${base}/${path}`, apiKey), isWhole: true }
}

/** A folder with the files of a log. Of a tile that is not full the copy may have a fuller one. @throws SourceError */
export function openFolder(place: string): LogSource {
  if (existsSync(join(place, 'manifest.note')) && !existsSync(join(place, 'tile')))
    throw new SourceError(`${place} is an unpacked bundle: verify the ZIP file itself, which is sealed as a whole`)
  const read = async (path: string) => {
    const found = [path, path.replace(/\.p\/\d+$/, '')]
      .map((name) => join(place, name))
      .find((name) => existsSync(name))
    return found === undefined ? null : readFileSync(found)
  }
  return { read, isWhole: false }
}

const ATTEMPTS = 3

async function download(url: string, apiKey: string | undefined): Promise<Uint8Array | null> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, { headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {} }).catch(
      (cause: unknown) => {
        const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
        throw new SourceError(`${url} cannot be reached: ${reason}`)
      },
    )
    if (response.ok) return new Uint8Array(await response.arrayBuffer())
    if (response.status === 404 || response.status === 410) return null
    if (response.status === 401)
      throw new SourceError('the server wants an API key with audit:read in GATEHOUSE_API_KEY')
    if (response.status === 403) throw new SourceError('this API key may not read the log: it needs audit:read')
    const mayPass = response.status === 429 || response.status === 503
    if (!mayPass || attempt >= ATTEMPTS) throw new SourceError(`${url} answered ${response.status}`)
    await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(response.headers.get('retry-after') ?? 1)))
  }
}
