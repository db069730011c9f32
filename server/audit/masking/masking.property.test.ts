import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { AUDIT_ACTIONS, ENFORCEMENTS, OUTCOMES } from '#protocol/audit/actions.ts'
import { formatQuery } from '#protocol/audit/query.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { appendEntries } from '#server/kernel/ledger.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { auditFacets, auditHistogram, describeAuditQuery, getAuditEvent, searchAudit } from '../queries.ts'
import { FACET_FIELDS } from '../schema.ts'

useDatabase()

/** Words that stand nowhere but in what is hidden: wherever one turns up, it was given away. */
const SECRETS = ['zulqar', 'zorvath', 'zimbeki', 'zetwong', 'zanzuri', 'zeloth']
const secretWord = fc.constantFrom(...SECRETS)
const [PEOPLE, DEVICES, OTHERS] = [0, 1, 2].map(() => Array.from({ length: 4 }, () => uuidv7())) as [
  string[],
  string[],
  string[],
]
const FILE = { type: 'file', id: uuidv7(), name: 'Annual report.pdf' }
const id = (ids: readonly string[]) => fc.constantFrom(...ids)
const text = secretWord.map((word) => `about ${word} and others`)
const SECRET_ADDRESSES = ['198.51.100.77', '2001:db8:1:2:3::77']

const person = fc.record({ kind: fc.constant('person' as const), id: id(PEOPLE), name: secretWord })
const drafts: fc.Arbitrary<StatedDraft> = fc.record(
  {
    action: fc.constantFrom(...AUDIT_ACTIONS),
    outcome: fc.constantFrom(...OUTCOMES),
    actor: fc.oneof(
      person,
      secretWord.map((name) => ({ kind: 'person' as const, name })),
      fc.record({ kind: fc.constant('device' as const), id: id(DEVICES), name: secretWord }),
    ),
    device: fc.record({ id: id(DEVICES), name: secretWord }),
    target: fc.oneof(
      fc.constant(FILE),
      fc.record({
        type: fc.constantFrom('person', 'device', 'session', 'invoice'),
        id: id([...PEOPLE, ...OTHERS]),
        name: secretWord,
      }),
    ),
    labels: fc.subarray(['finance', 'hr']),
    source: fc.constantFrom('server', 'device', 'app:mail', 'import:old'),
    enforcement: fc.constantFrom(...ENFORCEMENTS),
    reason: text,
    words: text,
    senderId: secretWord,
    address: fc.constantFrom(...SECRET_ADDRESSES),
    correlationId: id([...PEOPLE, ...OTHERS]),
    detail: fc.oneof(
      text.map((who) => ({ who, problem: who, method: 'password' })),
      secretWord.map((word) => ({ name: { before: word, after: 'x' }, list: [word] })),
    ) as fc.Arbitrary<NonNullable<StatedDraft['detail']>>,
  },
  { requiredKeys: ['action', 'actor'] },
)
/** A file is what file actions are about, whoever states them through us; what changed in a policy names nobody. */
const stated = drafts.map(({ detail, ...draft }) => ({
  ...draft,
  ...(/^(file|screenshot|policy|api_key|message|notice)\./.test(draft.action) && draft.target && { target: FILE }),
  ...(/^(file|screenshot)\./.test(draft.action) && { correlationId: FILE.id }),
  ...(detail && !draft.action.startsWith('policy.') && { detail }),
})) as fc.Arbitrary<StatedDraft>

let tenantId: string
let admin: PersonActor
let hidden: string[]

beforeAll(async () => {
  tenantId = await makeTenant()
  admin = await makePerson(tenantId, { role: 'admin', name: 'zeloth' })
  const actor = systemActor(tenantId, 'test')
  const events = fc.sample(stated, { numRuns: 150, seed: 20261125 })
  await runInTransaction({ actor, name: 'test' }, async ({ sql }) => {
    await appendEntries(
      sql,
      tenantId,
      events.map((draft) => ({ actor, draft })),
    )
    return { result: null, audit: [] }
  })
  hidden = [
    ...SECRETS,
    ...PEOPLE,
    ...DEVICES,
    ...OTHERS,
    ...SECRET_ADDRESSES,
    admin.personId,
    admin.email,
    '@example.org',
  ]
})

const expectHidden = (answer: unknown) => {
  const said = JSON.stringify(answer)
  for (const secret of hidden) expect(said).not.toContain(secret)
}

it('no door says a name, an address, a text or an id of whom is hidden', async () => {
  const page = await searchAudit(admin, { q: '', limit: 200 })
  expect(page.items.length).toBeGreaterThan(140)
  expectHidden(page)
  expectHidden(await auditFacets(admin, { q: '', fields: FACET_FIELDS.join(',') }))
  for (const event of page.items.slice(0, 40)) expectHidden(await getAuditEvent(admin, { eventId: event.id, q: '' }))
})

it('nothing answers to what is hidden, however it is asked and whatever is asked beside it', async () => {
  const value = fc.constantFrom(...SECRETS, ...PEOPLE, ...DEVICES, ...OTHERS, 'about', 'others', 'about zulqar')
  const term = fc.oneof(
    fc
      .record({
        field: fc.constantFrom('actor', 'device', 'target', 'reason', undefined),
        value,
        isBegun: fc.boolean(),
      })
      .map(({ field, value, isBegun }) =>
        formatQuery({
          kind: 'term',
          ...(field && { field }),
          ...(isBegun && /^z\w+$/.test(value)
            ? { match: 'prefix' as const, value: value.slice(0, 4) }
            : { match: 'phrase' as const, value }),
        }),
      ),
    fc.constantFrom(...SECRET_ADDRESSES.map((address) => `ip:${address}`), 'ip:198.51.100.64/26'),
  )
  const beside = fc.constantFrom('', ' action:file', ' -outcome:failed', ' label:finance')
  await fc.assert(
    fc.asyncProperty(term, beside, async (asked, more) => {
      expect((await searchAudit(admin, { q: `${asked}${more}` })).total).toEqual({ value: 0, capped: false })
      const { buckets } = await auditHistogram(admin, { q: `${asked}${more}`, buckets: 5 })
      expect(buckets.every(({ count }) => count === 0)).toBe(true)
      // What is left when it is taken away is everything.
      const [all, rest] = await Promise.all([
        searchAudit(admin, { q: `action:file${more}`, limit: 1 }),
        searchAudit(admin, { q: `action:file${more} -${asked}`, limit: 1 }),
      ])
      expect(rest.total.value).toBe(all.total.value)
      expectHidden((await describeAuditQuery(admin, { q: asked })).described.kind)
    }),
    { numRuns: 12, seed: 20261125 },
  )
})
