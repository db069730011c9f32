import { getFormatter, getLocale, getTimeZone, getTranslations } from 'next-intl/server'
import { visibleText } from '#components/audit/visible-text.ts'
import { formatTime, zoneOffset } from '#components/ui/time-format.ts'
import type { DetailText, DetailValue } from '#protocol/audit/personal.ts'
import { isPolicyPath } from '../../policies/_components/policy-text.ts'
import { type CodedName, type ShownText, shownDetail } from '../_detail-text.ts'

type Change = { readonly before?: DetailText; readonly after?: DetailText }
type Props = {
  detail: { readonly [name: string]: DetailValue }
  /** What ids in it are called. */
  names: Readonly<Record<string, string>>
  /** Stated by the server or a device: codes in it are ours. */
  isOurs: boolean
}

/** What an event says beyond its fields; a change shows before and after, by names. */
export async function DetailValues({ detail, names, isOurs }: Props) {
  const t = await getTranslations('audit')
  const [nameOf, textOf] = await Promise.all([settingNames(), settingTexts({ names, isOurs })])
  return (
    <section aria-label={t('event.detail')} className="mb-3 border-t border-line pt-2">
      <dl>
        {Object.entries(detail).map(([name, value]) => (
          <div key={name} className="py-0.5">
            <dt className="text-ink-3" title={name}>
              {nameOf(name) ?? <span className="font-mono text-mono">{name}</span>}
            </dt>
            <dd className="break-words">
              {isChange(value) ? <Changed change={value} textOf={(text) => textOf(name, text)} /> : textOf(name, value)}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

async function Changed({ change, textOf }: { change: Change; textOf: (text: DetailText) => string }) {
  const t = await getTranslations('audit')
  return (
    <>
      {change.before !== undefined && (
        <del className="mr-1.5 bg-danger-soft text-danger no-underline">
          <span className="sr-only">{t('event.before')}: </span>− {textOf(change.before)}
        </del>
      )}
      {change.after !== undefined && (
        <ins className="bg-ok-soft text-ok no-underline">
          <span className="sr-only">{t('event.after')}: </span>+ {textOf(change.after)}
        </ins>
      )}
    </>
  )
}

/** What a member of the detail is called where it is set: on the policy page, in the settings; else in words of the log. */
async function settingNames(): Promise<(name: string) => string | null> {
  const [t, policies, settings, keeping] = await Promise.all([
    getTranslations('audit'),
    getTranslations('policies'),
    getTranslations('settings'),
    getTranslations('keeping'),
  ])
  return (name) => {
    if (isPolicyPath(name)) return policies(`field.${name}`)
    const brake = `brake.${name.replace(/^brake\./, '')}.label` as 'brake.undoSeconds.label'
    if (name.startsWith('brake.') && settings.has(brake)) return settings(brake)
    if (name === 'control' || name === 'access' || name === 'activity') return keeping(`class.${name}`)
    const known = `detailName.${name}` as 'detailName.version'
    return !name.includes('.') && t.has(known) ? t(known) : null
  }
}

async function settingTexts({
  names,
  isOurs,
}: Omit<Props, 'detail'>): Promise<(name: string, value: DetailText) => string> {
  const [policies, people, wordsOf] = await Promise.all([
    getTranslations('policies'),
    getTranslations('people'),
    codeWords(),
  ])
  const format = await getFormatter()
  const [keeping, common] = await Promise.all([getTranslations('keeping'), getTranslations('common')])
  const [locale, timeZone] = await Promise.all([getLocale(), getTimeZone()])
  const one = (name: string, shown: ShownText) => {
    if ('word' in shown) return policies(`value.${shown.word}`)
    if ('at' in shown)
      return `${formatTime(shown.at, { locale, timeZone, precision: 'second' })} ${zoneOffset(shown.at, timeZone)}`
    if ('days' in shown) {
      if (shown.days !== null) return keeping('days', { count: shown.days })
      return name === 'archive' ? common('never') : keeping('forever')
    }
    if ('role' in shown) {
      const role = `role.${shown.role}` as 'role.owner'
      return people.has(role) ? people(role) : visibleText(shown.role)
    }
    if ('state' in shown) {
      const state = `rules.state.${shown.state}` as 'rules.state.held'
      return keeping.has(state) ? keeping(state) : visibleText(shown.state)
    }
    if ('seconds' in shown) {
      const unit = shown.seconds < 3_600 ? 'minute' : 'hour'
      const value = shown.seconds / (unit === 'hour' ? 3_600 : 60)
      return format.number(value, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 })
    }
    if ('of' in shown) return wordsOf(shown.of, shown.code) ?? visibleText(shown.code)
    return visibleText(names[shown.text] ?? shown.text)
  }
  return (name, value) =>
    shownDetail(name, value, isOurs)
      .map((shown) => one(name, shown))
      .join(', ')
}

/** The words for a code: the log's own, else those of the page that shows it, too. */
async function codeWords(): Promise<(of: CodedName, code: string) => string | null> {
  const [t, devices, errors] = await Promise.all([
    getTranslations('audit'),
    getTranslations('devices'),
    getTranslations('errors'),
  ])
  return (of, code) => {
    const own = `detailValue.${of}.${code}` as 'detailValue.scope.device'
    if (t.has(own)) return t(own)
    const shared = `${of}.${code}` as 'status.active'
    if ((of === 'status' || of === 'platform') && devices.has(shared)) return devices(shared)
    const error = `code.${code}` as 'code.invalid'
    // Those that need numbers have none here.
    const isPlain = code !== 'rate_limited' && code !== 'internal'
    return (of === 'problem' || of === 'code') && isPlain && errors.has(error) ? errors(error) : null
  }
}

// Array.isArray does not narrow readonly arrays away.
function isChange(value: DetailValue): value is Change {
  return typeof value === 'object' && !Array.isArray(value)
}
