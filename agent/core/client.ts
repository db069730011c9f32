import { utf8Encode } from '#lib/bytes.ts'
import {
  commandsResponseSchema,
  type EnrollRequest,
  enrollResponseSchema,
  eventsResponseSchema,
  type FactsRequest,
  type ForwardRequest,
  factsResponseSchema,
  filesResponseSchema,
  forwardResponseSchema,
  type ReleaseRequest,
  type RotateKeysRequest,
  unlockResponseSchema,
} from '#protocol/device/messages.ts'
import { type PushRequest, personResponseSchema, recordsResponseSchema } from '#protocol/device/person.ts'
import { type Call, type ConnectionOptions, connect, readAll, TIMEOUT_MS } from './connection.ts'

const FILE_TIMEOUT_MS = 120_000
/** Of silence, not of the whole chunk. */
const CHUNK_TIMEOUT_MS = 20_000
/** The server comments every 15 s; three of them missing means that nobody is there. */
const STREAM_SILENCE_MS = 45_000

function json(body: object): Pick<Call, 'body' | 'headers'> {
  return { body: utf8Encode(JSON.stringify(body)), headers: { 'content-type': 'application/json' } }
}

/** The device API as functions. Throws GatewayError for any answer but a success and OfflineError where none came. */
export function createClient(options: ConnectionOptions) {
  const { serverNow, send, sendFor, sendForText } = connect(options)
  return {
    serverNow,
    enroll: (body: EnrollRequest) => sendFor(enrollResponseSchema, { method: 'POST', path: '/enroll', ...json(body) }),
    facts: (body: FactsRequest) => sendFor(factsResponseSchema, { method: 'POST', path: '/facts', ...json(body) }),
    /** `timeoutMs` bounds the whole request: somebody may be waiting. */
    policy: (timeoutMs: number = TIMEOUT_MS) =>
      sendForText({ method: 'GET', path: '/policy', timeoutMs, signal: AbortSignal.timeout(timeoutMs) }),
    unlock: () => sendFor(unlockResponseSchema, { method: 'POST', path: '/unlock', ...json({}) }),
    rotateKeys: async (body: RotateKeysRequest) => {
      await sendForText({ method: 'POST', path: '/keys', ...json(body) })
    },
    /** The commands that wait; the server holds the request for `waitSeconds` while there are none. */
    commands: (waitSeconds: number, signal?: AbortSignal) =>
      sendFor(commandsResponseSchema, {
        method: 'GET',
        path: `/commands?wait=${waitSeconds}`,
        timeoutMs: waitSeconds * 1000 + TIMEOUT_MS,
        signal,
      }),
    /** The open event stream; the caller reads `chunks` and checks `content-type`. */
    commandStream: (signal: AbortSignal) =>
      send({
        method: 'GET',
        path: '/commands',
        headers: { accept: 'text/event-stream' },
        timeoutMs: STREAM_SILENCE_MS,
        signal,
      }),
    receipt: async (commandId: string, jws: string) => {
      const headers = { 'content-type': 'application/jose' }
      await sendForText({ method: 'POST', path: `/commands/${commandId}/receipt`, body: utf8Encode(jws), headers })
    },
    events: (ndjson: Uint8Array, signal?: AbortSignal) =>
      sendFor(eventsResponseSchema, {
        method: 'POST',
        path: '/events',
        body: ndjson,
        headers: { 'content-type': 'application/x-ndjson' },
        timeoutMs: 60_000,
        signal,
      }),
    /** Whose device this is, their other ones, and how many people of the organisation may do what. */
    person: () => sendFor(personResponseSchema, { method: 'GET', path: '/person' }),
    /** A page of what the audit log holds about the person, newest first. */
    records: (cursor?: string) =>
      sendFor(recordsResponseSchema, {
        method: 'GET',
        path: cursor === undefined ? '/records' : `/records?cursor=${encodeURIComponent(cursor)}`,
      }),
    /** Where this browser wants to be woken; null: nowhere any more. */
    push: async (subscription: PushRequest['subscription']) => {
      await sendForText({ method: 'POST', path: '/push', ...json({ subscription }) })
    },
    /** Takes this device out of service; from then on its token is worth nothing. */
    leave: async () => {
      await sendForText({ method: 'POST', path: '/leave', ...json({}) })
    },
    files: (cursor?: string) =>
      sendFor(filesResponseSchema, {
        method: 'GET',
        path: cursor === undefined ? '/files' : `/files?cursor=${encodeURIComponent(cursor)}`,
      }),
    /** The sealed file as a compact JWE. */
    file: (id: string, purpose: 'view' | 'download') =>
      sendForText({
        method: 'GET',
        path: `/files/${encodeURIComponent(id)}?purpose=${purpose}`,
        timeoutMs: FILE_TIMEOUT_MS,
      }),
    /** The release of a file's content as a compact JWE; the server has written it down before it answers. */
    release: (fileId: string, body: ReleaseRequest, signal?: AbortSignal) =>
      sendForText({
        method: 'POST',
        path: `/files/${encodeURIComponent(fileId)}/releases`,
        ...json(body),
        signal,
      }),
    /** One sealed chunk of a release. */
    releaseChunk: async (releaseId: string, number: number, signal?: AbortSignal) =>
      readAll(
        await send({
          method: 'GET',
          path: `/releases/${encodeURIComponent(releaseId)}/chunks/${number}`,
          timeoutMs: CHUNK_TIMEOUT_MS,
          signal,
        }),
      ),
    /** Hands a copy of a file to somebody else. */
    forward: (fileId: string, body: ForwardRequest) =>
      sendFor(forwardResponseSchema, {
        method: 'POST',
        path: `/files/${encodeURIComponent(fileId)}/forward`,
        ...json(body),
      }),
  }
}

export type Client = ReturnType<typeof createClient>
