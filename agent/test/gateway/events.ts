import type { IncomingMessage, ServerResponse } from 'node:http'
import { eventLineSchema } from '#protocol/device/messages.ts'
import { bodyOf, type KnownDevice, Problem, type Side } from './state.ts'

function takeLine(device: KnownDevice, line: string): 'fresh' | 'duplicate' {
  const event = eventLineSchema.parse(JSON.parse(line))
  const before = device.lines.get(event.seq)
  if (before !== undefined && before !== line) {
    device.revoked = true
    throw new Problem('clone_suspected')
  }
  device.lines.set(event.seq, line)
  return before === undefined ? 'fresh' : 'duplicate'
}

export async function takeEvents(side: Side, device: KnownDevice, request: IncomingMessage, response: ServerResponse) {
  const { state } = side
  const body = await bodyOf(request)
  if (Buffer.byteLength(body) > state.maxEventBytes) throw new Problem('payload_too_large')
  const lines = body.split('\n').filter((line) => line !== '')
  const taken = lines.map((line) => takeLine(device, line))
  if (state.loseEventAnswers > 0) {
    state.loseEventAnswers -= 1
    response.destroy()
  }
  const last = lines.at(-1)
  const acceptedThrough = last === undefined ? 0 : eventLineSchema.parse(JSON.parse(last)).seq
  return { acceptedThrough, duplicates: taken.filter((kind) => kind === 'duplicate').length, rejected: [] }
}
