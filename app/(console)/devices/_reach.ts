import type { DeviceView } from '#server/devices/schema.ts'

/** A select key of messages: an agent comes back by itself, a browser only when somebody opens it. */
export function reachKey({ reach, channel }: Pick<DeviceView, 'reach' | 'channel'>) {
  return reach === 'next_open' && channel === 'browser' ? 'opened' : reach
}
