import 'server-only'
import { readEnv } from '#server/kernel/env.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { exportStore } from './files.ts'
import { expireRun, type ReadyRun, readyRuns } from './run-state.ts'

/** No organisation takes more than this share of the room that all have. */
const SHARE = 0.5

/** An export alone would need more than an organisation has. */
export class ExportTooLarge extends Error {}

/** Bytes that the finished exports of one organisation may take, and those of all. */
export type ExportSpace = { own: number; all: number }

export function exportSpace(): ExportSpace {
  const all = readEnv().exportSpaceBytes
  return { own: all * SHARE, all }
}

/** @throws ExportTooLarge while it is written already: it does not fill the disk first */
export function requireFit(sizeBytes: number, { own }: ExportSpace): void {
  if (sizeBytes > own) throw new ExportTooLarge(`${sizeBytes} bytes do not fit into ${own}`)
}

/**
 * Removes the oldest finished exports, first of the organisation, then of any, until one more of this size fits; they are made again
 * from the same question, with the same parts.
 */
export async function makeRoom(tenantId: string, sizeBytes: number, space: ExportSpace): Promise<void> {
  requireFit(sizeBytes, space)
  await removeOldest(await readyRuns(tenantId), space.own - sizeBytes)
  const all: ReadyRun[] = []
  for (const { id } of await listTenants()) all.push(...(await readyRuns(id)))
  await removeOldest(all, space.all - sizeBytes)
}

async function removeOldest(runs: readonly ReadyRun[], room: number): Promise<void> {
  let taken = runs.reduce((sum, run) => sum + run.sizeBytes, 0)
  for (const run of runs.toSorted((a, b) => a.finishedAt - b.finishedAt)) {
    if (taken <= room) return
    // Nobody is offered it any more before its files go; if we die between the two, the next upkeep takes them away.
    await expireRun(run.tenantId, run.id)
    exportStore(run.tenantId, run.id).remove()
    taken -= run.sizeBytes
  }
}
