/** Exports in the hands of somebody else: a verifier written in Python from docs/reference/export-bundle.md, with pyarrow for Parquet. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Instance } from '../e2e/support/instance.ts'
import { foundOrganisation, gatehouse } from '../e2e/support/operator.ts'
import { until } from '../e2e/support/wait.ts'
import type { Checks } from './checks.ts'
import { appendAppEvents, readKey, strangerOf } from './product-log.ts'
import { runSuite } from './suite.ts'
import { makePython, run } from './tools.ts'

const EVENTS = 4_000

await runSuite({
  name: 'export',
  tool: makePython,
  run: ({ checks, tool, instance, folder }) =>
    checkExports(checks, instance, {
      folder,
      verify: (file, vkey) => run(tool, [join(import.meta.dirname, 'python/bundle.py'), file, vkey]),
    }),
})

type Verifier = { folder: string; verify: (file: string, vkey: string) => Promise<string> }

async function checkExports(checks: Checks, instance: Instance, { folder, verify }: Verifier): Promise<void> {
  const operator = await foundOrganisation(instance)
  const scopes = 'audit:read,audit:unmask,audit:write,audit:export'
  const args = ['api-key', 'create', '--name', 'interop', '--scopes', scopes, '--json']
  const { token } = await gatehouse<{ token: string }>(instance, args)
  const api = async (path: string, body?: object): Promise<Response> => {
    const response = await fetch(`${instance.consoleUrl}/api/v1/audit/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }
  await appendAppEvents(instance, token, EVENTS)
  const vkey = await readKey(`${instance.gatewayUrl}/log/${operator.tenantId}/`, token, instance.caFile)

  /** Every other event, so that the proof has something to prove. */
  const exported = async (format: string, timeZone: string) => {
    const { id } = await (await api('exports', { q: 'label:even', format, timeZone })).json()
    await until('the export', async () => (await (await api(`exports/${id}`)).json()).state === 'ready')
    const file = join(folder, `${format}.zip`)
    writeFileSync(file, Buffer.from(await (await api(`exports/${id}/download`)).arrayBuffer()))
    return file
  }

  for (const [format, zone] of [
    ['csv', 'Asia/Kathmandu'],
    ['ndjson', 'Europe/Berlin'],
    ['parquet', 'UTC'],
  ] as const)
    await checks.check(`${format}: seal, parts, every row, counts and proof hold`, async () => {
      const { events, of } = JSON.parse(await verify(await exported(format, zone), vkey))
      if (events !== EVENTS / 2) throw new Error(`${events} events`)
      return `${events} of ${of}`
    })
  await checks.check('a changed word and another key are refused', async () => {
    const bytes = readFileSync(join(folder, 'ndjson.zip'))
    bytes[bytes.indexOf('message.view')] = 'M'.charCodeAt(0)
    const altered = join(folder, 'altered.zip')
    writeFileSync(altered, bytes)
    const other = strangerOf(vkey)
    for (const [file, key] of [
      [altered, vkey],
      [join(folder, 'csv.zip'), other],
    ] as const)
      if (
        await verify(file, key).then(
          () => true,
          () => false,
        )
      )
        throw new Error(`${file} held under ${key}`)
    return undefined
  })
  await operator.close()
}
