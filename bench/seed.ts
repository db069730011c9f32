import { uuidv7 } from '#lib/uuid.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import type { DeviceActor, PersonActor } from '#server/kernel/actor.ts'
import { enrollTestDevice } from '#test/device.ts'

const BATCH = 500
const PLATFORMS = ['android', 'ios', 'windows', 'macos'] as const
const ACTIONS = ['file.view', 'file.view', 'file.view', 'file.download', 'screenshot.attempt', 'file.forward'] as const
const FILES = Array.from({ length: 200 }, (_, n) => ({
  type: 'file',
  id: uuidv7(),
  name: `Report ${n}, quarter ${n % 4}.pdf`,
}))

/** So many devices of one person, enrolled as the gateway does it. */
export async function seedDevices(owner: PersonActor, count: number): Promise<DeviceActor[]> {
  const devices: DeviceActor[] = []
  for (let n = 0; n < count; n++) {
    const platform = PLATFORMS[n % PLATFORMS.length] ?? 'android'
    const facts = { name: `Device ${n}`, platform, appVersion: `2.${n % 7}.0` }
    devices.push((await enrollTestDevice(owner, { facts })).actor)
  }
  return devices
}

/** So many events of the first twenty devices, as the gateway takes them in. */
export async function seedEvents(devices: readonly DeviceActor[], count: number): Promise<void> {
  const senders = devices.slice(0, 20)
  for (let sent = 0; sent < count; sent += BATCH) {
    const turn = sent / BATCH
    const sender = senders[turn % senders.length]
    if (!sender) throw new Error('there is no device to send events')
    const first = Math.floor(turn / senders.length) * BATCH + 1
    await ingestDeviceEvents(
      sender,
      Array.from({ length: Math.min(BATCH, count - sent) }, (_, n) => eventLine(first + n)),
    )
  }
}

function eventLine(seq: number): string {
  return JSON.stringify({
    seq,
    id: uuidv7(),
    at: new Date().toISOString(),
    action: ACTIONS[seq % ACTIONS.length],
    outcome: 'allowed',
    target: FILES[(seq * 7) % FILES.length],
    labels: ['internal', `team-${seq % 9}`],
  })
}
