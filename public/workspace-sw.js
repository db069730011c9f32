// The workspace's service worker. It keeps one page for when there is no connection, and nothing else: no content, no answer of
// the server. A push says nothing but that there is something to ask for.
// Makes `gatehouseAgent`: the device itself, for when no page of it is open.
importScripts('/workspace/agent.js')

const CACHE = 'gatehouse-shell-1'
const OFFLINE = '/workspace/offline.html'
const ICON = '/workspace/icon-192.png'

self.addEventListener('install', (event) => {
  event.waitUntil(keep())
})

async function keep() {
  const cache = await caches.open(CACHE)
  await cache.addAll([OFFLINE, ICON])
  await self.skipWaiting()
}

self.addEventListener('activate', (event) => {
  event.waitUntil(takeOver())
})

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith('gatehouse-shell-') && name !== CACHE) await caches.delete(name)
  }
  await self.clients.claim()
}

self.addEventListener('fetch', (event) => {
  if (event.request.mode === 'navigate') event.respondWith(page(event.request))
  else if (new URL(event.request.url).pathname === ICON) event.respondWith(icon(event.request))
})

async function icon(request) {
  return (await caches.match(ICON)) ?? fetch(request)
}

async function page(request) {
  try {
    return await fetch(request)
  } catch {
    // After an erasure the cache is gone, too.
    return (await caches.match(OFFLINE)) ?? Response.error()
  }
}

self.addEventListener('push', (event) => {
  event.waitUntil(wake())
})

// Browsers demand that a push shows something. What it is about stays unsaid: a lock screen is read by anybody.
async function wake() {
  const isChinese = self.navigator.language.toLowerCase().startsWith('zh')
  const text = isChinese ? '您的组织发来了更新' : 'Your organisation sent an update'
  const open = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  for (const client of open) client.postMessage('gatehouse-wake')
  // What waits for the device is obeyed now, an erasure too. Where a page is connected it does that, and nothing is done here.
  const { appVersion } = gatehouseAgent
  await gatehouseAgent.wake({ origin: self.location.origin, appVersion, forget }).catch(() => undefined)
  await self.registration.showNotification('Gatehouse', { body: text, icon: ICON, tag: 'gatehouse' })
}

async function forget() {
  await (await self.registration.pushManager.getSubscription())?.unsubscribe()
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(show())
})

async function show() {
  const open = await self.clients.matchAll({ type: 'window' })
  const [client] = open.filter(({ url }) => new URL(url).pathname.startsWith('/workspace'))
  return client ? client.focus() : self.clients.openWindow('/workspace')
}
