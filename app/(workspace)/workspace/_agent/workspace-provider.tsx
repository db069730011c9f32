'use client'

import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from 'react'
import type { Enrolled, View } from './workspace-store.ts'
import { WorkspaceStore } from './workspace-store.ts'

const StoreContext = createContext<WorkspaceStore | null>(null)
const OPENING: View = { phase: 'opening' }

type Props = { appVersion: string; children: ReactNode }

/** Makes the device of this browser known to the pages inside, and keeps it connected while one of them is open. */
export function WorkspaceProvider({ appVersion, children }: Props) {
  const [store] = useState(() => new WorkspaceStore({ openAgent: () => openAgent(appVersion) }))
  useEffect(() => store.start(), [store])
  useEffect(() => attendOn(store), [store])
  return <StoreContext value={store}>{children}</StoreContext>
}

/** Loaded apart: what is drawn first does not wait for the agent. */
async function openAgent(appVersion: string) {
  const { openBrowserAgent } = await import('#agent/browser/agent.ts')
  const { forgetPush } = await import('./push.ts')
  return openBrowserAgent({ origin: window.location.origin, appVersion, forget: forgetPush })
}

function attendOn(store: WorkspaceStore): () => void {
  const attend = () => {
    if (document.visibilityState === 'visible') void store.attend()
  }
  const back = () => {
    store.networkIs(true)
    attend()
  }
  const gone = () => store.networkIs(false)
  const woken = ({ data }: MessageEvent) => {
    if (data === 'gatehouse-wake') void store.attend()
  }
  document.addEventListener('visibilitychange', attend)
  window.addEventListener('online', back)
  window.addEventListener('offline', gone)
  navigator.serviceWorker?.addEventListener('message', woken)
  return () => {
    document.removeEventListener('visibilitychange', attend)
    window.removeEventListener('online', back)
    window.removeEventListener('offline', gone)
    navigator.serviceWorker?.removeEventListener('message', woken)
  }
}

export function useWorkspace(): { store: WorkspaceStore; view: View } {
  const store = use(StoreContext)
  if (!store) throw new Error('this part belongs inside the workspace')
  return { store, view: useSyncExternalStore(store.subscribe, store.view, () => OPENING) }
}

/** The enrolled device; only below a `<WhenServed>`. */
export function useEnrolled(): { store: WorkspaceStore; device: Enrolled } {
  const { store, view } = useWorkspace()
  if (view.phase !== 'enrolled') throw new Error('this part belongs inside an enrolled device')
  return { store, device: view }
}
