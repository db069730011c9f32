import type { Locale } from 'next-intl'
import type { Block, ReportDocument, ReportFacts, Viewer } from '#server/audit/schema.ts'
import { answerOf, capturesOf, knownOf, nameOf, rangesText, timeText, type Words } from './_answer.ts'
import { COUNTING_RULES } from './_counting.ts'

/** Rows on paper; the CSV holds all. */
const MOST_ROWS = 1_000
const MOST_NAMES = 200

/** `called`: a name, or a pseudonym in the reader's language. */
export type ReportWords = {
  t: Words
  locale: Locale
  organisation: string
  by: string
  called: (name: string) => string
}

type Tell = ReportWords & { facts: ReportFacts; time: (value: string) => string }

/** The report as it is printed: who asked what, the answer, the table, what it rests on, and how to verify it. */
export function writeReport(words: ReportWords, facts: ReportFacts): ReportDocument {
  const { t, locale, organisation } = words
  const { answer, timeZone } = facts
  const tell: Tell = { ...words, facts, time: (value) => timeText(value, locale, timeZone) }
  const { name } = answer.file
  return {
    title: t('titleOf', { name }),
    language: locale,
    author: organisation,
    createdAt: new Date(answer.asOf.at),
    footer: t('report.footer', { name, organisation, size: answer.asOf.size }),
    blocks: [
      { kind: 'title', text: t('titleOf', { name }) },
      { kind: 'strong', text: answerOf(t, answer) },
      { kind: 'facts', items: askedFacts(tell) },
      ...(facts.isMasked ? [{ kind: 'text' as const, text: t('report.masked') }] : []),
      { kind: 'heading', text: t('table.label') },
      ...tableBlocks(tell),
      { kind: 'heading', text: t('coverage.title') },
      { kind: 'facts', items: coverageFacts(tell) },
      { kind: 'heading', text: t('how.title') },
      { kind: 'list', items: COUNTING_RULES.map((rule) => t(`how.${rule}`)) },
      ...verifyBlocks(tell),
    ],
  }
}

type Facts = (readonly [term: string, value: string])[]

function askedFacts({ t, facts, organisation, by, time }: Tell): Facts {
  const { answer, timeZone, origin, vkey, checkpoint } = facts
  const { from, to, copies, names, asOf, q } = answer
  const period =
    from || to
      ? t('report.between', { from: from ? time(from) : t('report.open'), to: to ? time(to) : t('report.now') })
      : t('report.always')
  return [
    [t('report.organisation'), organisation],
    [t('report.file'), names.join(', ')],
    [t('report.id'), answer.file.id],
    [t('report.copies'), String(copies)],
    [t('report.period'), period],
    [t('report.zone'), timeZone],
    [t('report.query'), q],
    [t('report.madeAt'), time(asOf.at)],
    [t('report.madeBy'), by],
    [t('report.asOf'), t('report.asOfText', { size: asOf.size })],
    [t('report.log'), origin],
    [t('report.key'), vkey],
    [
      t('report.checkpoint'),
      t('report.checkpointText', { size: checkpoint.size, root: checkpoint.root, at: time(checkpoint.signedAt) }),
    ],
  ]
}

function tableBlocks(tell: Tell): Block[] {
  const { t, facts } = tell
  const { viewers } = facts.answer
  if (viewers.length === 0) return [{ kind: 'text', text: t('table.none') }]
  const left = (head: string, share: number) => ({ head, share })
  const number = (head: string) => ({ head, share: 5, align: 'right' as const })
  const columns = [
    left(t('column.who'), 13),
    left(t('column.first'), 12),
    left(t('column.last'), 12),
    left(t('column.devices'), 12),
    number(t('column.views')),
    number(t('column.downloads')),
    number(t('column.prints')),
    number(t('column.forwards')),
    number(t('column.handed')),
    number(t('column.refused')),
    left(t('column.captures'), 13),
    left(t('column.known'), 13),
  ]
  const rows = viewers.slice(0, MOST_ROWS).map((viewer) => rowOf(tell, viewer))
  const more = viewers.length - rows.length
  return [
    { kind: 'table', columns, rows },
    ...(more > 0 ? [{ kind: 'text' as const, text: t('report.rowsMore', { count: more }) }] : []),
  ]
}

function rowOf({ t, called, time }: Tell, viewer: Viewer): string[] {
  const { who, basis, first, last, devices, counts } = viewer
  const name = [nameOf(t, { ...who, ...(who.name && { name: called(who.name) }) }), who.email]
    .filter(Boolean)
    .join(', ')
  const copied = counts.copies > 0 ? [`${t('column.copies')}: ${counts.copies}`] : []
  return [
    basis === 'opened' ? name : `${name} (${t(`basis.${basis}`)})`,
    time(first),
    time(last),
    devices.map((device) => called(device.name)).join(', '),
    ...[counts.views, counts.downloads, counts.prints, counts.forwards, counts.handed, counts.refused].map(String),
    [...capturesOf(t, viewer), ...copied].join(', '),
    knownOf(t, viewer).join(', '),
  ]
}

function coverageFacts(tell: Tell): Facts {
  const { t, facts, called, time } = tell
  const { period, entitled, devices, events, left } = facts.answer.coverage
  const times = { since: time(period.heldSince), published: time(period.publishedAt) }
  const counted = (counts: Record<string, number>) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => t(`coverage.${kind as 'late'}`, { count }))
  const may = t(entitled.everyone ? 'coverage.entitledEveryone' : 'coverage.entitledPeople', { count: entitled.count })
  const names = entitled.without.slice(0, MOST_NAMES).map(({ name }) => called(name))
  const without = entitled.count > 0 ? `; ${t('coverage.without', { count: entitled.withoutCount })}` : ''
  const whole = t('coverage.devicesWhole', { count: devices.count })
  const holey = t('coverage.devicesIncomplete', { incomplete: devices.incompleteCount, count: devices.count })
  const doubtful = counted(events)
  const gone = counted(left)
  return [
    [
      t('coverage.period'),
      `${period.isHeld ? t('coverage.periodHeld', { events: period.events }) : ''} ${period.isHeld ? t('coverage.since', times) : t('coverage.periodGone', times)}`.trim(),
    ],
    [t('coverage.entitled'), `${may}${without}${names.length > 0 ? `: ${names.join(', ')}` : ''}`],
    ...moreOf(t, entitled.withoutCount - names.length),
    ...(entitled.formerly.length > 0
      ? [['', t('coverage.formerly', { names: entitled.formerly.map(({ name }) => name).join(', ') })] as const]
      : []),
    [t('coverage.devices'), devices.incompleteCount === 0 ? whole : holey],
    ...devices.incomplete.map((gap) => ['', gapText(tell, gap)] as const),
    [t('coverage.events'), doubtful.length > 0 ? doubtful.join(', ') : t('coverage.eventsNone')],
    [t('coverage.left'), gone.length > 0 ? `${gone.join(', ')}. ${t('coverage.what')}` : t('coverage.leftNone')],
  ]
}

function moreOf(t: Words, count: number): Facts {
  return count > 0 ? [['', t('coverage.moreNames', { count })]] : []
}

type DeviceGap = ReportFacts['answer']['coverage']['devices']['incomplete'][number]

function gapText({ t, called, time }: Tell, gap: DeviceGap): string {
  const { device, person, missing, missingCount, silentSince, isGivenUp, isInvolved } = gap
  const shown = missing.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  const ranges = { ranges: rangesText(missing), count: missingCount }
  const what = [
    missing.length > 0 && t(shown === missingCount ? 'coverage.missing' : 'coverage.missingMore', ranges),
    silentSince && t('coverage.silent', { since: time(silentSince) }),
    isGivenUp && t('coverage.givenUp'),
    t(isInvolved ? 'coverage.had' : 'coverage.only'),
  ]
  return `${called(device.name)}${person ? ` (${called(person.name)})` : ''}: ${what.filter(Boolean).join(', ')}`
}

function verifyBlocks({ t, facts }: Tell): Block[] {
  return [
    { kind: 'page' },
    { kind: 'title', text: t('report.verifyTitle') },
    { kind: 'text', text: t('report.verify1') },
    { kind: 'text', text: t('report.verify2') },
    { kind: 'mono', text: `npx gatehouse verify who-saw-${facts.answer.file.id}.zip --key '${facts.vkey}'` },
    { kind: 'text', text: t('report.verify3') },
    { kind: 'text', text: t('report.verify4') },
    { kind: 'text', text: t('report.verify5') },
    ...(facts.isMasked ? [{ kind: 'text' as const, text: t('report.verifyMasked') }] : []),
  ]
}
