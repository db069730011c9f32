import { z } from 'zod'
import type { Clock, Companion } from '#agent/core/ports.ts'
import type { RunNotice } from '#agent/core/run.ts'
import { base64urlDecode, base64urlEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'

const ANSWER_TIMEOUT_MS = 500

/** What all tabs of a device hear of each other. `locked`: hide what is shown, now. `erased`: the device is gone. */
export type TabNotice = RunNotice | { event: 'locked' } | { event: 'erased' }

type Message =
  | { kind: 'share?' | 'runner?'; id: string }
  | { kind: 'answer'; id: string; share: string | null }
  | { kind: 'poke' | 'drop' }
  | { kind: 'notice'; notice: TabNotice }

// Only this origin can speak here, but an older version of the page may: what is not understood is passed over.
const messageSchema: z.ZodType<Message> = z.union([
  z.object({ kind: z.enum(['share?', 'runner?']), id: z.string() }),
  z.object({ kind: z.literal('answer'), id: z.string(), share: z.string().nullable() }),
  z.object({ kind: z.enum(['poke', 'drop']) }),
  z.object({ kind: z.literal('notice'), notice: z.custom<TabNotice>((value) => hasEvent(value)) }),
])

function hasEvent(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'event' in value
}

/** What a tab does when another one asks or tells it something. */
export type TabDuties = {
  /** The share where a lease lasts here. */
  share(): Uint8Array | null
  isRunner(): boolean
  /** Something was queued. */
  poke(): void
  /** The share must not be used any more. */
  drop(): void
  notice(notice: TabNotice): void
}

export type Tabs = Companion & {
  tell(notice: TabNotice): void
  /** Whether a tab that stays connected answers. */
  runnerAnswers(): Promise<boolean>
  close(): void
}

/** The tabs of one device in one browser. `poke` and `drop` reach this tab, too. */
export function joinTabs(channelName: string, clock: Clock, duties: TabDuties): Tabs {
  const channel = new BroadcastChannel(channelName)
  const waiting = new Map<string, (answer: string | null) => void>()
  const post = (message: Message) => channel.postMessage(message)

  function answer(kind: 'share?' | 'runner?', id: string): void {
    const share = kind === 'share?' ? duties.share() : null
    if (share) post({ kind: 'answer', id, share: base64urlEncode(share) })
    if (kind === 'runner?' && duties.isRunner()) post({ kind: 'answer', id, share: null })
  }

  function take(message: Message): void {
    switch (message.kind) {
      case 'share?':
      case 'runner?':
        answer(message.kind, message.id)
        break
      case 'answer':
        waiting.get(message.id)?.(message.share)
        break
      case 'poke':
        duties.poke()
        break
      case 'drop':
        duties.drop()
        break
      case 'notice':
        duties.notice(message.notice)
    }
  }

  channel.onmessage = ({ data }) => {
    const message = messageSchema.safeParse(data)
    if (message.success) take(message.data)
  }

  /** The first answer, or undefined where none comes in time. */
  async function ask(kind: 'share?' | 'runner?'): Promise<string | null | undefined> {
    const id = uuidv7()
    const answered = new AbortController()
    let first: string | null | undefined
    waiting.set(id, (share) => {
      first = share
      answered.abort()
    })
    post({ kind, id })
    await clock.sleep(ANSWER_TIMEOUT_MS, answered.signal)
    waiting.delete(id)
    return first
  }

  return {
    async share() {
      const share = await ask('share?')
      return share ? base64urlDecode(share) : null
    },
    async poke() {
      duties.poke()
      post({ kind: 'poke' })
    },
    async drop() {
      duties.drop()
      post({ kind: 'drop' })
    },
    tell(notice) {
      duties.notice(notice)
      post({ kind: 'notice', notice })
    },
    runnerAnswers: async () => duties.isRunner() || (await ask('runner?')) !== undefined,
    close: () => channel.close(),
  }
}
