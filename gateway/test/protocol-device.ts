import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { createDpopProof } from '#protocol/device/dpop.ts'
import { type DeviceKeyPair, generateKeyPair, importSignKey, keyThumbprint } from '#protocol/device/keys.ts'
import type { EnrollResponse } from '#protocol/device/messages.ts'
import { createEnrollmentCode } from '#server/devices/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import type { StartedGateway } from './started-gateway.ts'

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string; json: Record<string, unknown> }

export type Call = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  body?: string | Uint8Array | object
  type?: string
  headers?: Record<string, string>
  /** What the proof says, where it is not what it should be. */
  proof?: { nowMs?: number; nonce?: string; url?: string; method?: string; token?: string | null; raw?: string }
}

export const FACTS = { name: 'Test phone', platform: 'android', osVersion: '16', appVersion: '1.0.0' }

/** A device of a test that speaks the protocol itself and can lie in every part of it. */
export class ProtocolDevice {
  readonly gateway: Pick<StartedGateway, 'url' | 'ca'>
  readonly sign: DeviceKeyPair
  readonly seal: DeviceKeyPair
  readonly signKey: CryptoKey
  readonly agent: Agent
  enrolled: EnrollResponse | null = null

  private constructor(
    gateway: Pick<StartedGateway, 'url' | 'ca'>,
    keys: { sign: DeviceKeyPair; seal: DeviceKeyPair; signKey: CryptoKey },
  ) {
    this.gateway = gateway
    this.sign = keys.sign
    this.seal = keys.seal
    this.signKey = keys.signKey
    this.agent = new Agent({ keepAlive: true, ca: gateway.ca, maxSockets: 16 })
  }

  static async create(gateway: Pick<StartedGateway, 'url' | 'ca'>): Promise<ProtocolDevice> {
    const [sign, seal] = [await generateKeyPair(), await generateKeyPair()]
    return new ProtocolDevice(gateway, { sign, seal, signKey: await importSignKey(sign.privateJwk) })
  }

  /** A new device of `person`, enrolled with a code that `admin` made. */
  static async enroll(
    gateway: Pick<StartedGateway, 'url' | 'ca'>,
    admin: PersonActor,
    personId = admin.personId,
    facts: object = {},
  ): Promise<ProtocolDevice> {
    const device = await ProtocolDevice.create(gateway)
    const { code } = await createEnrollmentCode(admin, { personId })
    const enrollment = device.enrollment(code)
    const body = { ...enrollment, facts: { ...enrollment.facts, ...facts } }
    const answer = await device.call({ method: 'POST', path: '/enroll', body })
    if (answer.status !== 201) throw new Error(`enrolling answered ${answer.status}: ${answer.text}`)
    // The answer of our own gateway.
    device.enrolled = answer.json as unknown as EnrollResponse
    return device
  }

  enrollment(code: string) {
    return { code, keys: { sign: this.sign.publicJwk, seal: this.seal.publicJwk }, facts: FACTS }
  }

  get id(): string {
    return this.enrolled?.deviceId ?? ''
  }

  get token(): string | undefined {
    return this.enrolled?.token
  }

  async thumbprint(): Promise<string> {
    return keyThumbprint(this.sign.publicJwk)
  }

  async proof({ method = 'GET', path, proof = {} }: Call): Promise<string> {
    const token = proof.token === null ? undefined : (proof.token ?? this.token)
    return createDpopProof({
      key: this.signKey,
      publicJwk: this.sign.publicJwk,
      method: proof.method ?? method,
      url: proof.url ?? `${this.gateway.url}/device/v1${path}`,
      nowMs: proof.nowMs ?? Date.now(),
      token,
      nonce: proof.nonce,
    })
  }

  async call(call: Call): Promise<Answer> {
    const response = await this.open(call)
    const text = await textOf(response)
    const isJson = /json/.test(response.headers['content-type'] ?? '')
    return { status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} }
  }

  /** The response as it begins, its body unread. */
  async open(call: Call): Promise<IncomingMessage> {
    const { method = 'GET', path, headers } = call
    const dpop = call.proof?.raw ?? (await this.proof(call))
    const [body, type] = bodyOf(call)
    const options: RequestOptions = {
      method,
      agent: this.agent,
      headers: {
        dpop,
        ...(this.token ? { authorization: `DPoP ${this.token}` } : {}),
        ...(type ? { 'content-type': type } : {}),
        ...headers,
      },
    }
    return new Promise((resolve, reject) => {
      const sent = request(`${this.gateway.url}/device/v1${path}`, options, resolve)
      sent.on('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.agent.destroy()
  }
}

function bodyOf({ body, type }: Call): [string | Uint8Array | undefined, string | undefined] {
  if (body === undefined) return [undefined, type]
  if (typeof body === 'string' || body instanceof Uint8Array) return [body, type ?? 'application/json']
  return [JSON.stringify(body), type ?? 'application/json']
}

export async function textOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of message) text += chunk
  return text
}

/** Lines of events numbered from `first`. */
export function eventLines(first: number, count: number, change: (seq: number) => object = () => ({})): string {
  const at = new Date().toISOString()
  const line = (seq: number) => {
    const id = `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`
    const target = { type: 'file', id: '11111111-1111-4111-8111-111111111111', name: 'plan.pdf' }
    return JSON.stringify({ seq, id, at, action: 'file.view', outcome: 'allowed', target, ...change(seq) })
  }
  return Array.from({ length: count }, (_, n) => `${line(first + n)}\n`).join('')
}
