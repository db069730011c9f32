import { z } from 'zod'
import { deleteFileInput, fileInput, listFilesInput } from '#server/content/schema.ts'
import type { Operation } from './operation.ts'
import { fileDeletion, fileDetail, fileView, pageOf, withTotal } from './views.ts'

const upload = z.object({
  file: z.string().meta({ contentMediaType: 'application/octet-stream', description: 'At most 50 MiB' }),
  name: z.string().optional(),
  mediaType: z.string().optional(),
  labels: z.array(z.string()).optional().meta({ description: 'Repeated, or separated by commas' }),
  audience: z
    .union([z.literal('everyone'), z.array(z.string())])
    .meta({ description: '`everyone`, or people by id or address' }),
})

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
    summary: 'Publish a file to people of the organisation',
    scope: 'content:write',
    body: { type: 'multipart/form-data', schema: upload },
    status: 201,
    answer: { schema: fileView },
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
