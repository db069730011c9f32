import type { BrowserAgent } from '#agent/browser/agent.ts'
import type { PushRequest } from '#protocol/device/person.ts'

export const WORKER_URL = '/workspace-sw.js'
const SCOPE = '/workspace'

/** Registers the service worker, which makes the workspace installable and can be woken; nothing where there is none. */
export async function registerWorker(): Promise<ServiceWorkerRegistration | null> {
  if (!('serviceWorker' in navigator)) return null
  // A private window may refuse it; everything but waking works without.
  return navigator.serviceWorker.register(WORKER_URL, { scope: SCOPE }).catch(() => null)
}

export type PushState = 'unsupported' | 'denied' | 'off' | 'on'

export async function pushState(): Promise<PushState> {
  if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window)) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  const registration = await navigator.serviceWorker.getRegistration(SCOPE)
  return (await registration?.pushManager.getSubscription()) ? 'on' : 'off'
}

/** Asks the person, subscribes at the browser's push service and tells the server where. */
export async function turnPushOn(agent: BrowserAgent, key: string): Promise<PushState> {
  if ((await Notification.requestPermission()) !== 'granted') return pushState()
  const registration = (await registerWorker()) && (await navigator.serviceWorker.ready)
  if (!registration) return 'unsupported'
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  const { endpoint, keys } = subscription.toJSON()
  const told = { endpoint, keys: { p256dh: keys?.p256dh, auth: keys?.auth } } as PushRequest['subscription']
  await (await agent.device()).client.push(told)
  return 'on'
}

export async function turnPushOff(agent: BrowserAgent): Promise<PushState> {
  await (await agent.device()).client.push(null)
  await forgetPush()
  return pushState()
}

/** Ends the browser's own subscription; harmless where there is none. */
export async function forgetPush(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  const registration = await navigator.serviceWorker.getRegistration(SCOPE)
  await (await registration?.pushManager?.getSubscription())?.unsubscribe()
}
