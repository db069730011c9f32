import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { API_OPERATIONS, openApiDocument } from './openapi.ts'

const ROOT = path.resolve(import.meta.dirname, '../../app/api/v1')
const METHOD = /^export (?:const|async function|function) (GET|HEAD|POST|PUT|PATCH|DELETE)\b/gm

/** `METHOD /path` of every handler on disk; a route's folders name its parts. */
function methodsOnDisk(): string[] {
  return globSync('**/route.ts', { cwd: ROOT }).flatMap((file) => {
    const url = `/${path.dirname(file)}`.replace(/\[(?:\.\.\.)?(\w+)\]/g, '{$1}')
    return [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(METHOD)].map(([, method]) => `${method} ${url}`)
  })
}

type Parameter = { name: string; in: string }
type Described = { operationId: string; parameters?: Parameter[]; responses: Record<string, unknown> }

const document = openApiDocument({ url: 'http://localhost:3000', version: '1.2.3' })
const paths = document.paths as Record<string, Record<string, Described>>

describe('the description of the admin API', () => {
  it('names every method of every route, and no other', () => {
    const described = API_OPERATIONS.map(({ method, path: url }) => `${method.toUpperCase()} ${url}`)
    expect(described.sort()).toEqual(methodsOnDisk().sort())
  })

  it('names each operation once', () => {
    const ids = API_OPERATIONS.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('is of version 3.1 and says where the API is', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: 'http://localhost:3000/api/v1' }] })
  })

  it('describes every part of every path, once', () => {
    for (const [url, methods] of Object.entries(paths))
      for (const { operationId, parameters = [] } of Object.values(methods)) {
        const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
        expect(inPath, operationId).toEqual([...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      }
  })

  it('refers only to components that it has', () => {
    const names = Object.keys((document.components as { schemas: object }).schemas)
    const referred = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref)
    for (const ref of referred) expect(names.map((name) => `#/components/schemas/${name}`)).toContain(ref)
  })

  it('says of every operation which problems it answers with', () => {
    for (const methods of Object.values(paths))
      for (const { operationId, responses } of Object.values(methods))
        expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(['401', '403', '429', '503']))
  })
})
