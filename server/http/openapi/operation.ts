import type { z } from 'zod'
import type { ErrorCode } from '#server/kernel/errors.ts'
import type { Permission } from '#server/kernel/permissions.ts'

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'

/** What the outside sees of a view: dates have become texts, and what is undefined is absent. */
export type Sent<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? Sent<E>[]
    : T extends object
      ? { [K in keyof T as undefined extends T[K] ? never : K]: Sent<T[K]> } & {
          [K in keyof T as undefined extends T[K] ? K : never]?: Sent<T[K]>
        }
      : T

/** One method of one path of the admin API, as its description names it. */
export type Operation = {
  method: Method
  /** With `{name}` for the parts that vary, named as the route's folders are. */
  path: `/${string}`
  /** Verb and noun: unique, for generated clients. */
  id: string
  summary: string
  /** The scope an API key needs; null: any live key. */
  scope: Permission | null
  /** The schema the door parses: path parts, then the query string (GET, DELETE) or the JSON body. */
  input?: z.ZodType
  /** The query string of a method that has a body, too. */
  query?: z.ZodType
  /** The body where it is not JSON, or where JSON is the other way. */
  body?:
    | {
        type: 'multipart/form-data' | 'application/x-ndjson' | 'application/offset+octet-stream' | 'text/csv'
        schema: z.ZodType
      }
    | undefined
  /** Headers that it needs or takes. */
  headers?: z.ZodObject
  /** Headers of its answer that say what was asked, by name. */
  answerHeaders?: Record<string, string>
  /** Answers 403 `person_required` to every key: here for completeness, a person does it in the console. */
  personOnly?: boolean
  status: 200 | 201 | 202 | 204
  answer?: { schema: z.ZodType; type?: string }
  /** Problems of its own, beside those that every operation may answer with. */
  problems?: readonly ErrorCode[]
}
