import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a test may turn: the token that is good, answers to give instead, associated data passed over as by an old Vault. */
export type VaultStub = {
  address: string
  token: string
  /** Adds a version, under which what follows is encrypted. */
  rotate(): void
  /** The next answers are this status; `drop` closes the connection. */
  fail(...answers: (number | 'drop')[]): void
  ignoreAssociatedData: boolean
  namespace: string | undefined
  requests: number
  close(): Promise<void>
}

type Body = { plaintext?: string; ciphertext?: string; associated_data?: string }

/** Speaks encrypt and decrypt of Vault's transit engine for the key `transit/gatehouse`, with AES-256-GCM inside. */
export async function startVaultStub(): Promise<VaultStub> {
  const versions = [randomBytes(32)]
  const failures: (number | 'drop')[] = []
  const stub: Omit<VaultStub, 'address' | 'close'> = {
    token: 'hvs.good',
    rotate: () => versions.push(randomBytes(32)),
    fail: (...answers) => failures.push(...answers),
    ignoreAssociatedData: false,
    namespace: undefined,
    requests: 0,
  }
  const aad = (body: Body) => Buffer.from(stub.ignoreAssociatedData ? '' : (body.associated_data ?? ''), 'base64')

  function encrypt(body: Body) {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? Buffer.alloc(32), iv)
    cipher.setAAD(aad(body))
    const sealed = [iv, cipher.update(Buffer.from(body.plaintext ?? '', 'base64')), cipher.final(), cipher.getAuthTag()]
    return {
      ciphertext: `vault:v${versions.length}:${Buffer.concat(sealed).toString('base64')}`,
      key_version: versions.length,
    }
  }

  function decrypt(body: Body) {
    const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(body.ciphertext ?? '') ?? []
    const bytes = Buffer.from(text, 'base64')
    const decipher = createDecipheriv(
      'aes-256-gcm',
      versions[Number(version) - 1] ?? Buffer.alloc(32),
      bytes.subarray(0, 12),
    )
    decipher.setAAD(aad(body))
    decipher.setAuthTag(bytes.subarray(-16))
    return { plaintext: Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64') }
  }

  function answer(path: string, token: string, namespace: string | undefined, body: Body): [number, object] {
    if (token !== stub.token || namespace !== stub.namespace) return [403, { errors: ['permission denied'] }]
    const [, operation] = /^\/v1\/transit\/(encrypt|decrypt)\/gatehouse$/.exec(path) ?? []
    if (!operation) return [404, { errors: [] }]
    try {
      return [200, { data: operation === 'encrypt' ? encrypt(body) : decrypt(body) }]
    } catch {
      return [400, { errors: ['cipher: message authentication failed'] }]
    }
  }

  const server: Server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      stub.requests++
      const failure = failures.shift()
      if (failure === 'drop') return void request.socket.destroy()
      const namespace = request.headers['x-vault-namespace']?.toString()
      const [status, json] =
        failure === undefined
          ? answer(
              request.url ?? '',
              request.headers['x-vault-token']?.toString() ?? '',
              namespace,
              JSON.parse(text) as Body,
            )
          : [failure, { errors: ['Vault is sealed'] }]
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections())
  return Object.assign(stub, { address: `http://127.0.0.1:${port}`, close })
}
