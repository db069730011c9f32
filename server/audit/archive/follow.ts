import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { ifAlone } from '#server/kernel/alone.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { createLog } from '#server/kernel/log.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { keepingRun, lockKeeping } from '../keeping/rules.ts'
import { readHead } from '../tree.ts'
import type { WrittenFile } from './draft.ts'
import { type RecordedFile, readRecordedFiles } from './files.ts'
import { readReplaced, replacedRow, tenantsWithReplaced } from './replaced.ts'
import { sweepArchive } from './rewrite.ts'
import { verifyColdFile } from './verify.ts'
import { noteName } from './work.ts'

const log = createLog('archive')

/**
 * After a backup was restored, the recorded files of every archive follow to those that took their place since, verified, with the
 * certificates of what was purged; answers how many. At every start and restore, before what was erased is erased again. What cannot be
 * reached or does not hold stays as it is, and is said.
 */
export async function followReplacedFiles(): Promise<number> {
  let followed = 0
  for (const tenantId of tenantsWithReplaced())
    followed += await followTenant(tenantId).catch((err: unknown) => {
      log.error({ tenantId, err, alarm: 'audit.archive.problem' }, 'the archive is not that of this database')
      return 0
    })
  return followed
}

async function followTenant(tenantId: string): Promise<number> {
  // Another process of ours starts as well.
  return (await ifAlone(keepingRun(tenantId), () => followAll(tenantId))) ?? 0
}

async function followAll(tenantId: string): Promise<number> {
  const { files, head } = await readTransaction(tenantId, async ({ sql }) => ({
    files: await readRecordedFiles(sql, tenantId),
    head: await readHead(sql, tenantId),
  }))
  const { byOld, purges } = readReplaced(tenantId)
  const followed = files.flatMap((file) => {
    const end = file.state === 'cold' ? endOf(file, byOld) : null
    return end ? [{ old: file, ...end }] : []
  })
  if (followed.length === 0) return 0
  for (const { file } of followed) if (file) await verifyColdFile(tenantId, file, head)
  // The old ones may have come back with the backup: if we die before they are removed, the next night removes them.
  for (const { old } of followed) await noteName(tenantId, old.name)
  const purgeIds = new Set(followed.flatMap((end) => end.purgeIds))
  await follow(systemActor(tenantId, 'restore'), {
    files: followed.map(replacedRow),
    purges: [...purges].flatMap(([id, purge]) => (purgeIds.has(id) ? [purge] : [])),
  })
  await sweepArchive(tenantId)
  return followed.length
}

type End = { file: WrittenFile | null; purgeIds: string[] }

/** What took the place of a file in the end, and the purges on the way; null: it is the last one. */
function endOf(recorded: RecordedFile, byOld: ReturnType<typeof readReplaced>['byOld']): End | null {
  const purgeIds: string[] = []
  let at: WrittenFile | null = recorded
  for (const seen = new Set<string>(); at && !seen.has(at.name); ) {
    seen.add(at.name)
    const next = byOld.get(at.name)
    // Another file was later written under the same name.
    if (!next || next.old.sha256 !== at.sha256) break
    if (next.purgeId !== null) purgeIds.push(next.purgeId)
    at = next.file
  }
  return at === recorded ? null : { file: at, purgeIds }
}

const follow = defineCommand({
  action: 'audit.archive',
  name: 'audit.archive.follow',
  permission: 'system',
  risk: 'none',
  input: z.object({ files: z.array(z.looseObject({ old: z.string() })), purges: z.array(z.looseObject({})) }),
  execute: async ({ tx, sql, tenantId, input: { files, purges } }) => {
    await lockKeeping(sql, tenantId)
    const [row] = await sql<{ gone: string }>(
      'SELECT audit_follow_files($1::text::jsonb, $2::text::jsonb)::text AS gone',
      [JSON.stringify(files), JSON.stringify(purges)],
    )
    return {
      result: null,
      audit: {
        action: 'audit.archive',
        target: await tenantTarget(tx, tenantId),
        detail: { restored: 'true', events: row?.gone ?? '0', files: files.map(({ old }) => old) },
      },
      notify: ['keeping'],
    }
  },
})
