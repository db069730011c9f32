import 'server-only'
import type { z } from 'zod'
import { formatTime } from '#lib/time.ts'
import { type Actor, isPermitted, requirePermission } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { type Masking, maskingFor } from '../masking/masking.ts'
import { eachMatch } from '../matches.ts'
import { recordOnce } from '../record-search.ts'
import { readHead } from '../tree.ts'
import { type Counted, coverageOf } from './coverage.ts'
import { COPIES_AT_ONCE, eachSight, type Reach } from './evidence.ts'
import { type Family, type Holder, holderAt, readFamily, readHolders } from './lineage.ts'
import { masked, shownIn } from './masked.ts'
import { nameRows } from './names.ts'
import { viewersQuery } from './question.ts'
import { VIEWER_BASES, type Viewer, type WhoSaw, whoSawInput } from './schema.ts'
import { count, emptyTally, type PersonOfDevice, viewerOf } from './tally.ts'

type Options = {
  /** Stops counting after this and says that it did; default: never. */
  budgetMs?: number
}

const MAX_NAMES = 20

const readFacts = defineQuery({
  name: 'audit.who_saw',
  permission: 'audit:read',
  input: whoSawInput,
  run: async ({ sql, tenantId, input: { fileId }, now: at }) => {
    const family = await readFamily(sql, tenantId, fileId)
    const { size } = await readHead(sql, tenantId)
    return { family, holders: await readHolders(sql, tenantId, family), asOf: { size, at: formatTime(at) } }
  },
})

/**
 * Who saw a file, over all its names, versions and forwarded copies: a row for each person, and what the answer rests on. Reads
 * of every event what it tells, block by block; memory grows with people. Audit: `audit.search`. @throws AppError not_found · invalid · forbidden
 */
export async function whoSaw(
  actor: Actor,
  raw: z.input<typeof whoSawInput>,
  { budgetMs = Number.POSITIVE_INFINITY }: Options = {},
): Promise<WhoSaw> {
  return (await answerWhoSaw(actor, parseInput(whoSawInput, raw), budgetMs)).answer
}

/** The answer, whose files it is about, and how its reader sees names: whose it shows is written down. */
export type Answered = { answer: WhoSaw; family: Family; masking: Masking }

/** The same as `whoSaw` of input that was parsed, for at most `budgetMs`. */
export async function answerWhoSaw(
  actor: Actor,
  { fileId, from, to }: z.output<typeof whoSawInput>,
  budgetMs: number,
): Promise<Answered> {
  // The search names the file: a refusal is written down as one, and a file of nobody's is none to be searched for.
  if (!isPermitted(actor, 'audit:read')) await recordOnce(actor, viewersQuery(fileId), { from, to })
  requirePermission(actor, 'content:read')
  const { family, holders, asOf } = await readFacts(actor, { fileId, from, to })
  const q = viewersQuery(family.root.id)
  await recordOnce(actor, q, { from, to })
  const reach = { from, to, asOf: asOf.size }
  const deadline = performance.now() + budgetMs
  const { tally, isFinished } = await tallied(actor.tenantId, family, { reach, personOf: holderAt(holders), deadline })
  const audiencesBefore = await earlierAudiences(actor.tenantId, family, asOf.size)
  return finish(actor, {
    family,
    holders,
    asOf,
    q,
    from: from ?? null,
    to: to ?? null,
    tally,
    audiencesBefore,
    isFinished,
  })
}

type Reading = { reach: Reach; personOf: PersonOfDevice; deadline: number }

async function tallied(tenantId: string, family: Family, { reach, personOf, deadline }: Reading) {
  const tally = emptyTally()
  for await (const sights of eachSight(tenantId, family, reach)) {
    for (const sight of sights) count(tally, sight, personOf)
    if (performance.now() > deadline) return { tally, isFinished: false }
  }
  return { tally, isFinished: true }
}

/** Names that an audience had before it was changed. */
async function earlierAudiences(tenantId: string, { files }: Family, asOf: number): Promise<string[]> {
  const names = new Set<string>()
  const targets = files.slice(0, COPIES_AT_ONCE).map(({ id }) => `target:${id}`)
  const q = `action:file.update outcome:allowed (${targets.join(' OR ')})`
  for await (const { items } of eachMatch(tenantId, { q, order: 'newest', asOf })) {
    for (const { personal } of items) {
      const change = personal?.detail?.audience
      const before = typeof change === 'object' && 'before' in change ? change.before : undefined
      for (const name of Array.isArray(before) ? before : []) if (!name.startsWith('…')) names.add(name)
    }
  }
  return [...names]
}

type Gathered = Omit<Counted, 'viewers'> & Pick<WhoSaw, 'q' | 'asOf'> & { family: Family; holders: Holder[] }

async function finish(actor: Actor, { family, holders, q, asOf, ...counted }: Gathered): Promise<Answered> {
  const { tenantId } = actor
  const answered = await readTransaction(tenantId, async ({ sql }) => {
    await nameRows(sql, tenantId, counted.tally)
    const viewers = [...counted.tally.rows.values()].map(viewerOf).sort(byNearness)
    const coverage = await coverageOf({ sql, tenantId, family, holders, now: now() }, { ...counted, viewers })
    const { root, files, fileId } = family
    const file = files.find(({ id }) => id === fileId) ?? root
    const masking = await maskingFor(sql, actor)
    // An app may call a file what it likes, somebody's name too.
    const told = masking.isMasked ? [] : counted.tally.names
    const answer: WhoSaw = {
      file: { id: file.id, name: file.name },
      root: { id: root.id, name: root.name },
      copies: files.length - 1,
      names: [...new Set([...files.map(({ name }) => name), ...told])].slice(0, MAX_NAMES),
      q,
      from: counted.from,
      to: counted.to,
      asOf,
      viewers,
      opened: viewers.filter(({ basis }) => basis === 'opened').length,
      coverage,
      isMasked: masking.isMasked,
    }
    masking.shows(shownIn(answer))
    const shown = masking.isMasked ? masked(answer, masking) : answer
    return { answer: shown, family, masking }
  })
  await answered.masking.settle()
  return answered
}

/** Whoever came nearest first, and of those whoever was the first. */
function byNearness(a: Viewer, b: Viewer): number {
  return VIEWER_BASES.indexOf(a.basis) - VIEWER_BASES.indexOf(b.basis) || (a.first < b.first ? -1 : 1)
}
