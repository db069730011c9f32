import { createHash, generateKeyPairSync } from 'node:crypto'
import type { Instance } from '../e2e/support/instance.ts'
import { until } from '../e2e/support/wait.ts'
import { run } from './tools.ts'

/** Sends events of an app of the organisation's own; every other one is labelled `even`. */
export async function appendAppEvents(instance: Instance, token: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      id: `interop-${n}`,
      at: new Date(Date.now() - n * 60_000).toISOString(),
      action: 'message.view',
      outcome: 'allowed',
      target: { type: 'message', id: `m${n}`, name: n % 2 ? 'Überweisung; "eilig"' : '=合并计划' },
      labels: n % 2 ? ['odd'] : ['even'],
    }),
  )
  const response = await fetch(`${instance.consoleUrl}/api/v1/audit/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  })
  const said = await response.text()
  if (!response.ok || (JSON.parse(said) as { accepted: number }).accepted !== count)
    throw new Error(`the events were not taken: ${response.status} ${said.slice(0, 300)}`)
}

/** The verifier key, as somebody who trusts this gateway's certificate is told it. It is there when something was signed. */
export function readKey(log: string, token: string, ca: string): Promise<string> {
  return until('the log’s key', () =>
    run('curl', ['-sSf', '--cacert', ca, '-H', `authorization: Bearer ${token}`, `${log}key`]),
  )
}

/** Another verifier key under the same name, well formed: only the signatures speak against it. */
export function strangerOf(vkey: string): string {
  const name = vkey.split('+')[0] ?? ''
  const raw = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const typed = Buffer.concat([Buffer.from([1]), raw])
  const id = createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)
  return `${name}+${id}+${typed.toString('base64')}`
}
