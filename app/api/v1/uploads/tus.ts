import { appendUpload, createUpload, getUpload, removeUpload } from '#server/content/commands.ts'
import { MAX_FILE_BYTES, type UploadView } from '#server/content/schema.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'

// The tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), its core and three extensions.
const VERSION = '1.0.0'
const EXTENSIONS = 'creation,expiration,termination'
const OFFSET_TYPE = 'application/offset+octet-stream'

/** What may be asked of an upload, by whoever was found to ask. */
export type TusRequest = { actor: Actor; request: Request; uploadId: string }

/** What this server speaks; asked before anything else, by anybody. */
export function describeTus(): Response {
  const headers = {
    'tus-resumable': VERSION,
    'tus-version': VERSION,
    'tus-extension': EXTENSIONS,
    'tus-max-size': String(MAX_FILE_BYTES),
  }
  return new Response(null, { status: 204, headers })
}

/** Every answer says the version, a refusal too. */
export function asTus(response: Response): Response {
  response.headers.set('tus-resumable', VERSION)
  if (response.status === 412) response.headers.set('tus-version', VERSION)
  return response
}

/** Begins an upload; `collection` is the path under which it is then found. @throws AppError */
export async function createByTus({ actor, request }: Omit<TusRequest, 'uploadId'>, collection: string) {
  requireVersion(request)
  const sizeBytes = numberIn(request, 'Upload-Length')
  if (sizeBytes === 0) throw invalid('Upload-Length', 'is 0: the file is empty')
  const { filename, filetype } = readMetadata(request.headers.get('upload-metadata') ?? '')
  const mediaType = filetype?.split(';')[0]?.trim()
  const upload = await createUpload(actor, {
    sizeBytes,
    ...(filename ? { name: filename } : {}),
    ...(mediaType ? { mediaType } : {}),
  })
  return answer(201, upload, { location: `${collection}/${upload.id}` })
}

/** Where an upload stands. @throws AppError */
export async function headByTus({ actor, request, uploadId }: TusRequest): Promise<Response> {
  requireVersion(request)
  return answer(200, await getUpload(actor, { uploadId }))
}

/** Adds bytes where the upload stands. @throws AppError conflict where it stands elsewhere */
export async function patchByTus({ actor, request, uploadId }: TusRequest): Promise<Response> {
  requireVersion(request)
  if (request.headers.get('content-type')?.toLowerCase() !== OFFSET_TYPE)
    throw new AppError('unsupported_media_type', { detail: `Send ${OFFSET_TYPE}.` })
  const offsetBytes = numberIn(request, 'Upload-Offset')
  const claimed = request.headers.get('content-length')
  const lengthBytes = claimed === null ? undefined : Number(claimed)
  const body = request.body ?? nothing()
  return answer(204, await appendUpload(actor, { uploadId, offsetBytes, lengthBytes, body }))
}

/** Removes an upload. @throws AppError */
export async function deleteByTus({ actor, request, uploadId }: TusRequest): Promise<Response> {
  requireVersion(request)
  await removeUpload(actor, { uploadId })
  return new Response(null, { status: 204 })
}

/** What `X-HTTP-Method-Override` asks for. @throws AppError */
export async function overrideByTus(asked: TusRequest): Promise<Response> {
  const method = asked.request.headers.get('x-http-method-override')?.toUpperCase()
  if (method === 'PATCH') return patchByTus(asked)
  if (method === 'DELETE') return deleteByTus(asked)
  if (method === 'HEAD') return headByTus(asked)
  throw new AppError('method_not_allowed', { detail: 'X-HTTP-Method-Override: must be PATCH, HEAD or DELETE' })
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function answer(status: number, upload: UploadView, more: Record<string, string> = {}): Response {
  const headers = {
    'cache-control': 'no-store',
    'upload-offset': String(upload.offsetBytes),
    ...(upload.sizeBytes === null ? {} : { 'upload-length': String(upload.sizeBytes) }),
    'upload-expires': upload.expiresAt.toUTCString(),
    ...more,
  }
  return new Response(null, { status, headers })
}

function requireVersion(request: Request): void {
  const asked = request.headers.get('tus-resumable')
  if (asked === VERSION) return
  throw new AppError('precondition_failed', { detail: `Tus-Resumable: must be ${VERSION}` })
}

function numberIn(request: Request, name: string): number {
  const value = request.headers.get(name)
  if (value === null) throw invalid(name, 'is required')
  if (/^\d{1,15}$/.test(value)) return Number(value)
  throw invalid(name, 'is not a number of bytes')
}

/** Pairs of a key and its value in base64, separated by commas; of a repeated key the first. */
function readMetadata(header: string): Partial<Record<string, string>> {
  const pairs: Record<string, string> = {}
  for (const pair of header.split(',')) {
    const [key = '', value = '', ...rest] = pair.trim().split(/ +/)
    if (key === '') continue
    if (rest.length > 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
      throw invalid('Upload-Metadata', 'is not pairs of a key and base64')
    pairs[key] ??= Buffer.from(value, 'base64').toString('utf8')
  }
  return pairs
}

function invalid(field: string, problem: string): AppError {
  return new AppError('invalid', { detail: `${field}: ${problem}`, fields: { [field]: problem } })
}
