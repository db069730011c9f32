import { z } from 'zod'
import { deleteFileInput, fileInput, listFilesInput, uploadInput } from '#server/content/schema.ts'
import type { Operation } from './operation.ts'
import { fileDeletion, fileDetail, fileView, pageOf, withTotal } from './views.ts'

const upload = z.object({
  file: z.string().meta({ contentMediaType: 'application/octet-stream', description: 'At most 200 MiB' }),
  name: z.string().optional(),
  mediaType: z.string().optional(),
  labels: z.array(z.string()).optional().meta({ description: 'Repeated, or separated by commas' }),
  audience: z
    .union([z.literal('everyone'), z.array(z.string())])
    .meta({ description: '`everyone`, or people by id or address' }),
})

const publishUpload = upload
  .omit({ file: true })
  .extend({ name: z.string(), uploadId: z.uuid().meta({ description: 'Of POST /uploads' }) })

export const fileOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/files',
    id: 'listFiles',
    summary: 'Protected files',
    scope: 'content:read',
    input: listFilesInput,
    status: 200,
    answer: { schema: pageOf(fileView, withTotal) },
  },
  {
    method: 'post',
    path: '/files',
    id: 'publishFile',
    summary: 'Publish a file to people of the organisation: as a form, or an upload that is complete',
    scope: 'content:write',
    input: publishUpload,
    body: { type: 'multipart/form-data', schema: upload },
    status: 201,
    answer: { schema: fileView },
    problems: ['not_found', 'conflict', 'gone', 'idempotency_conflict'],
  },
  {
    method: 'get',
    path: '/files/{fileId}',
    id: 'getFile',
    summary: 'One file, who may have it and which devices were handed it',
    scope: 'content:read',
    input: fileInput,
    status: 200,
    answer: { schema: fileDetail },
  },
  {
    method: 'delete',
    path: '/files/{fileId}',
    id: 'deleteFile',
    summary: 'Ask for its deletion. A key’s request waits for a person’s approval',
    scope: 'content:write',
    input: deleteFileInput,
    status: 202,
    answer: { schema: fileDeletion },
    problems: ['conflict'],
  },
]

const tus = { 'Tus-Resumable': z.literal('1.0.0') }
const offset = z.string().regex(/^\d+$/)
const standing = {
  'Upload-Offset': 'How many bytes are stored: the next one goes there',
  'Upload-Length': 'How many there will be',
  'Upload-Expires': 'When it is removed unless more arrives',
}

/** Resumable uploads, as https://tus.io/protocols/resumable-upload describes them: any client of it will do. */
export const uploadOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/uploads',
    id: 'createUpload',
    summary: 'Begin a resumable upload (tus 1.0.0)',
    scope: 'content:write',
    headers: z.object({
      ...tus,
      'Upload-Length': offset.meta({ description: 'Bytes of the whole file, at least 1' }),
      'Upload-Metadata': z.string().optional().meta({ description: '`filename` and `filetype`, each in base64' }),
    }),
    status: 201,
    answerHeaders: { Location: 'Where it is', ...standing },
    problems: ['invalid', 'too_large', 'precondition_failed'],
  },
  {
    method: 'head',
    path: '/uploads/{uploadId}',
    id: 'getUpload',
    summary: 'Where an upload stands',
    scope: 'content:write',
    input: uploadInput,
    headers: z.object(tus),
    status: 200,
    answerHeaders: standing,
    problems: ['gone', 'precondition_failed'],
  },
  {
    method: 'patch',
    path: '/uploads/{uploadId}',
    id: 'appendUpload',
    summary: 'Add bytes where it stands. What has arrived of a request that breaks off is kept',
    scope: 'content:write',
    input: uploadInput,
    headers: z.object({ ...tus, 'Upload-Offset': offset }),
    body: {
      type: 'application/offset+octet-stream',
      schema: z.string().meta({ contentMediaType: 'application/octet-stream' }),
    },
    status: 204,
    answerHeaders: standing,
    problems: ['conflict', 'gone', 'precondition_failed'],
  },
  {
    method: 'post',
    path: '/uploads/{uploadId}',
    id: 'overrideUploadMethod',
    summary: 'The same as PATCH, HEAD or DELETE, for a client that can send POST alone',
    scope: 'content:write',
    input: uploadInput,
    headers: z.object({ ...tus, 'X-HTTP-Method-Override': z.enum(['PATCH', 'HEAD', 'DELETE']) }),
    status: 204,
    answerHeaders: standing,
    problems: ['method_not_allowed', 'conflict', 'gone', 'precondition_failed'],
  },
  {
    method: 'delete',
    path: '/uploads/{uploadId}',
    id: 'removeUpload',
    summary: 'Remove an upload and what has arrived of it',
    scope: 'content:write',
    input: uploadInput,
    headers: z.object(tus),
    status: 204,
    problems: ['gone', 'precondition_failed'],
  },
]
