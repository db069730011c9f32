/**
 * The thread of RowThread. What it makes goes to its parent in rooms that come back empty. It ends when its parent says so; an error
 * ends it, too, and reaches its parent.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { RowBlock } from '../row-block.ts'
import { type MadeRows, RowMaker } from './row-maker.ts'
import type { RowAnswer, RowRequest, ThreadForm } from './row-thread-messages.ts'

if (!parentPort) throw new Error('to be started as a thread')
const parent = parentPort
const rows = new RowMaker({ ...(workerData as ThreadForm), mask: null })
const rooms: ArrayBuffer[] = []

function say(answer: RowAnswer, transfer: ArrayBuffer[] = []): void {
  parent.postMessage(answer, transfer)
}

function hand({ events, leaves }: MadeRows): void {
  const room = roomFor(events.length + leaves.length)
  new Uint8Array(room).set(events)
  new Uint8Array(room).set(leaves, events.length)
  say({ kind: 'made', room, events: events.length, leaves: leaves.length }, [room])
}

/** One that came back, or a larger one than is needed now. */
function roomFor(bytes: number): ArrayBuffer {
  const room = rooms.pop()
  return room && room.byteLength >= bytes ? room : new ArrayBuffer(Math.ceil(1.25 * bytes))
}

parent.on('message', (request: RowRequest) => {
  if (request.kind === 'end') return say({ kind: 'ended', ...rows.end() })
  rooms.push(...request.spent)
  for (const made of rows.add(RowBlock.ofSent(request.block), request.from, request.to)) hand(made)
  say({ kind: 'added' })
})
