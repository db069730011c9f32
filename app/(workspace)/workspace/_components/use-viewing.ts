'use client'

import { useEffect, useRef, useState } from 'react'
import type { ReleaseFacts } from '#agent/core/release.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { FileEntry } from '#protocol/device/messages.ts'
import { type AgentFault, faultOf } from '../_agent/faults.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import type { WorkspaceStore } from '../_agent/workspace-store.ts'

/** Why a file cannot be shown; keys of the messages `workspace.view.reason`. */
const REASONS = ['none', 'encrypted', 'malformed', 'too_large', 'too_costly', 'wrong_type', 'empty'] as const
export type UnviewableReason = (typeof REASONS)[number]

/** `content` stays the same object: its bytes are handed to the viewer once. */
export type OpenedFile = { release: ReleaseFacts; content: Content }

type Content = { kind: 'pdf' | 'image' | 'text' | 'markdown'; bytes: ArrayBuffer; name: string; mediaType: string }

export type ViewingState =
  | { phase: 'opening'; received: number }
  | { phase: 'ready'; opened: OpenedFile }
  | { phase: 'unviewable'; reason: UnviewableReason }
  | { phase: 'refused'; fault: AgentFault | null }

export type Viewing = {
  state: ViewingState
  /** Counts the attempts: each has a frame of its own. */
  turn: number
  /** Names this viewing in the release and in everything that is noticed. */
  session: string
  again: () => void
  /** The viewer could not show it after all. */
  fail: (reason: string) => void
}

/** Asks for the release, takes the content in and keeps it for as long as the page stands; it is stored where the policy lets it be. */
export function useViewing(file: FileEntry): Viewing {
  const { store } = useEnrolled()
  const session = useRef(uuidv7()).current
  const [turn, setTurn] = useState(0)
  const [state, setState] = useState<ViewingState>(() => firstState(file))
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same file is opened once a turn, whatever else the list says of it
  useEffect(() => {
    const first = firstState(file)
    setState(first)
    if (first.phase !== 'opening') return
    const stop = new AbortController()
    const tell = (next: ViewingState) => !stop.signal.aborted && setState(next)
    open(store, { fileId: file.id, session, signal: stop.signal }, (received) =>
      tell({ phase: 'opening', received }),
    ).then(
      (opened) => tell({ phase: 'ready', opened }),
      (error: unknown) => tell(stateOf(error)),
    )
    return () => stop.abort()
  }, [store, file.id, session, turn])
  return {
    state,
    turn,
    session,
    again: () => setTurn((now) => now + 1),
    fail: (reason) => setState(failedState(reason)),
  }
}

function firstState({ kind, viewState, viewReason }: FileEntry): ViewingState {
  if (viewState === 'refused') return { phase: 'unviewable', reason: reasonOf(viewReason) ?? 'none' }
  if (viewState === 'ready' && kind === 'none') return { phase: 'unviewable', reason: 'none' }
  return { phase: 'opening', received: 0 }
}

/** The viewer's own troubles are nobody's file's fault. */
function failedState(reason: string): ViewingState {
  const known = reasonOf(reason)
  return known ? { phase: 'unviewable', reason: known } : { phase: 'refused', fault: null }
}

function reasonOf(reason: string | null | undefined): UnviewableReason | null {
  return REASONS.find((known) => known === reason) ?? null
}

function stateOf(error: unknown): ViewingState {
  const fault = faultOf(error)
  if (fault?.serverCode === 'not_viewable') return { phase: 'unviewable', reason: reasonOf(fault.reason) ?? 'none' }
  return { phase: 'refused', fault }
}

type Opening = { fileId: string; session: string; signal: AbortSignal }

async function open(store: WorkspaceStore, opening: Opening, onReceived: (bytes: number) => void): Promise<OpenedFile> {
  const { openContent } = await import('#agent/browser/content.ts')
  const { release, chunks } = await openContent(await store.agent.device(), { ...opening, purpose: 'view' })
  const bytes = new Uint8Array(release.sizeBytes)
  let received = 0
  for await (const chunk of chunks()) {
    bytes.set(chunk, received)
    received += chunk.length
    onReceived(received)
  }
  const { kind, name, mediaType } = release
  // A release to view is never the original; should a server say so, nothing is shown.
  if (kind === 'original') throw new Error('the release holds nothing to show')
  return { release, content: { kind, bytes: bytes.buffer, name, mediaType } }
}
