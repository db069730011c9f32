import { z } from 'zod'
import { AppError, type ErrorCode } from '#server/kernel/errors.ts'
import { auditOperations } from './openapi/audit.ts'
import { importOperations } from './openapi/audit-import.ts'
import { auditUnmaskOperations } from './openapi/audit-unmask.ts'
import { checkpointOperations } from './openapi/checkpoints.ts'
import { deviceOperations } from './openapi/devices.ts'
import { exportOperations } from './openapi/exports.ts'
import { fileOperations, uploadOperations } from './openapi/files.ts'
import { keepingOperations } from './openapi/keeping.ts'
import type { Operation } from './openapi/operation.ts'
import { peopleOperations } from './openapi/people.ts'
import { policyOperations } from './openapi/policies.ts'
import { problem } from './openapi/views.ts'

type Json = Record<string, unknown>
type ObjectSchema = Json & { properties?: Record<string, Json>; required?: string[] }

const description: Operation = {
  method: 'get',
  path: '/openapi.json',
  id: 'getDescription',
  summary: 'This document',
  scope: null,
  status: 200,
  answer: { schema: z.record(z.string(), z.unknown()) },
}

/** Every method of every route under /api/v1; a test holds it equal to the routes on disk. */
export const API_OPERATIONS: readonly Operation[] = [
  ...deviceOperations,
  ...policyOperations,
  ...peopleOperations,
  ...fileOperations,
  ...uploadOperations,
  ...auditOperations,
  ...auditUnmaskOperations,
  ...checkpointOperations,
  ...importOperations,
  ...keepingOperations,
  ...exportOperations,
  description,
]

const COMMON_PROBLEMS: readonly ErrorCode[] = ['unauthenticated', 'forbidden', 'rate_limited', 'unavailable']

/** The admin API as an OpenAPI 3.1 document, made from the schemas that the doors parse with. */
export function openApiDocument(options: { url: string; version: string }): Json {
  const schemas: Record<string, Json> = {}
  const paths: Record<string, Json> = {}
  for (const operation of API_OPERATIONS) {
    const path = paths[operation.path] ?? {}
    path[operation.method] = describeOperation(operation, schemas)
    paths[operation.path] = path
  }
  toSchema(problem, schemas, 'output')
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse admin API',
      version: options.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: `${options.url}/api/v1` }],
    security: [{ apiKey: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'gh_…',
          description: 'An API key; its scopes are its permissions.',
        },
      },
    },
  }
}

function describeOperation(operation: Operation, schemas: Record<string, Json>): Json {
  const { id, summary, scope, status, answer, method } = operation
  const input: ObjectSchema = operation.input ? toSchema(operation.input, schemas, 'input') : {}
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name ? [name] : []))
  const rest = without(input, inPath)
  const hasBody = method === 'post' || method === 'put' || method === 'patch'
  const parameters = [
    ...inPath.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: input.properties?.[name] ?? { type: 'string' },
    })),
    ...(hasBody ? [] : queryParameters(rest)),
    ...(operation.query ? queryParameters(toSchema(operation.query, schemas, 'input')) : []),
    ...headerParameters(operation),
    ...(method === 'post' && !operation.headers ? [idempotencyKey] : []),
  ]
  return {
    operationId: id,
    summary,
    tags: [operation.path.split('/')[1]],
    ...(scope
      ? {
          'x-scope': scope,
          description: `Needs the scope \`${scope}\`.${operation.personOnly ? ' Answers an API key with 403 `person_required`.' : ''}`,
        }
      : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...requestBody(operation, hasBody ? rest : {}, schemas),
    responses: {
      [status]: {
        description: summary,
        ...(operation.answerHeaders ? { headers: describeHeaders(operation.answerHeaders) } : {}),
        ...(answer
          ? { content: { [answer.type ?? 'application/json']: { schema: toSchema(answer.schema, schemas, 'output') } } }
          : {}),
      },
      ...problemResponses(operation),
    },
  }
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and request again gets the first answer; with another request 409.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
}

function queryParameters({ properties = {}, required = [] }: ObjectSchema): Json[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function headerParameters({ headers }: Operation): Json[] {
  const { properties = {}, required = [] }: ObjectSchema = headers ? toSchema(headers, {}, 'input') : {}
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'header',
    required: required.includes(name),
    schema,
  }))
}

function describeHeaders(headers: Record<string, string>): Json {
  const described = ([name, description]: [string, string]) => [name, { description, schema: { type: 'string' } }]
  return Object.fromEntries(Object.entries(headers).map(described))
}

function requestBody({ body }: Operation, rest: ObjectSchema, schemas: Record<string, Json>): Json {
  const json = { 'application/json': { schema: rest } }
  if (body) {
    const own = { [body.type]: { schema: toSchema(body.schema, schemas, 'input') } }
    const isEither = Object.keys(rest.properties ?? {}).length > 0
    return { requestBody: { required: true, content: isEither ? { ...own, ...json } : own } }
  }
  if (Object.keys(rest.properties ?? {}).length === 0) return {}
  return {
    requestBody: { required: (rest.required ?? []).length > 0, content: json },
  }
}

/** The schema without members that travel in the path. */
function without(schema: ObjectSchema, names: readonly string[]): ObjectSchema {
  const kept = Object.entries(schema.properties ?? {}).filter(([name]) => !names.includes(name))
  const required = (schema.required ?? []).filter((name) => !names.includes(name))
  const { required: _, ...rest } = schema
  return { ...rest, properties: Object.fromEntries(kept), ...(required.length > 0 ? { required } : {}) }
}

function problemResponses({ input, body, path, personOnly, problems = [] }: Operation): Json {
  const codes = new Set<ErrorCode>([
    ...(input || body ? (['invalid'] as const) : []),
    ...(path.includes('{') ? (['not_found'] as const) : []),
    ...(personOnly ? (['person_required'] as const) : []),
    ...(body ? (['too_large', 'unsupported_media_type'] as const) : []),
    ...problems,
    ...COMMON_PROBLEMS,
  ])
  const byStatus = Map.groupBy(codes, (code) => new AppError(code).status)
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      String(status),
      {
        description: of.map((code) => `\`${code}\``).join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

/** JSON Schema 2020-12 of a zod schema; what has an id becomes a component and is referred to. */
function toSchema(schema: z.ZodType, components: Record<string, Json>, io: 'input' | 'output'): Json {
  const made: Json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ jsonSchema }) => plain(jsonSchema, io),
  })
  const { $schema: _, $defs = {}, ...rest } = made
  for (const [name, definition] of Object.entries($defs as Record<string, object>))
    components[name] ??= referring(definition)
  const id = z.globalRegistry.get(schema)?.id
  if (!id) return referring(rest)
  components[id] ??= referring(rest)
  return { $ref: `#/components/schemas/${id}` }
}

/** Leaves out what says nothing to a reader: the pattern of a named format, and that an answer may never gain a member. */
function plain(schema: Json, io: 'input' | 'output'): void {
  if (schema.format) delete schema.pattern
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties
}

/** References of a schema on its own point into `$defs`; in the document they point to the components. */
function referring(schema: object): Json {
  const { id: _, ...rest }: Json = JSON.parse(JSON.stringify(schema).replaceAll('#/$defs/', '#/components/schemas/'))
  return rest
}
