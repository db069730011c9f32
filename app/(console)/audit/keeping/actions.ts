'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import {
  erasePerson,
  lengthenRetention,
  placeHold,
  releaseHold,
  setArchiveRule,
  shortenRetention,
} from '#server/audit/commands.ts'
import { type HoldKind, MIN_ARCHIVE_DAYS, type RetentionRules } from '#server/audit/schema.ts'
import { runAction } from '#server/http/action.ts'
import { boundOf } from './_bound.ts'

const KEEPING = '/audit/keeping'

export async function changeRetention(
  rules: RetentionRules,
  isShorter: boolean,
  _: FormState,
  form: FormData,
): Promise<FormState> {
  const t = await getTranslations('keeping')
  const input = { rules, reason: form.get('reason') }
  if (!isShorter)
    return runAction({
      command: lengthenRetention,
      input,
      form,
      success: { redirectTo: KEEPING, message: t('retention.savedLonger') },
    })
  if (!isTyped(form, t('retention.word'))) return wrongWord(t('retention.confirmWrong'))
  return runAction({
    command: shortenRetention,
    input,
    form,
    success: ({ state }) => ({ redirectTo: KEEPING, message: t(`requested.${requestedKey(state)}`) }),
  })
}

export async function changeArchive(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('keeping.archive')
  const text = String(form.get('days') ?? '').trim()
  const days = text === '' ? null : Number(text)
  if (days !== null && (!/^\d{1,5}$/.test(text) || days < MIN_ARCHIVE_DAYS)) {
    const message = t('wrong', { min: MIN_ARCHIVE_DAYS })
    return { status: 'error', message, fields: { days: message } }
  }
  return runAction({
    command: setArchiveRule,
    input: { days },
    form,
    success: { redirectTo: KEEPING, message: t(days === null ? 'savedNever' : 'saved') },
  })
}

export async function addHold(kind: HoldKind, timeZone: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('keeping.place')
  const about =
    kind === 'search'
      ? { q: form.get('q'), from: boundOf(form.get('from'), timeZone), to: boundOf(form.get('to'), timeZone) }
      : { targetId: String(form.get('targetId') ?? '').trim() }
  const input = { kind, name: form.get('name'), reason: form.get('reason'), ...about }
  return runAction({ command: placeHold, input, form, success: { redirectTo: KEEPING, message: t('done') } })
}

export async function askRelease(hold: { id: string; name: string }, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('keeping')
  if (!isTyped(form, hold.name)) return wrongWord(t('release.confirmWrong'))
  return runAction({
    command: releaseHold,
    input: { holdId: hold.id, reason: form.get('reason') },
    form,
    success: ({ state }) => ({ redirectTo: KEEPING, message: t(`requested.${requestedKey(state)}`) }),
  })
}

export async function askErasure(
  person: { id: string; name: string },
  _: FormState,
  form: FormData,
): Promise<FormState> {
  const t = await getTranslations('keeping')
  if (!isTyped(form, person.name)) return wrongWord(t('erase.confirmWrong'))
  return runAction({
    command: erasePerson,
    input: { personId: person.id, reason: form.get('reason') },
    form,
    success: ({ state }) => ({ redirectTo: `/people/${person.id}`, message: t(`requested.${requestedKey(state)}`) }),
  })
}

function isTyped(form: FormData, word: string): boolean {
  return String(form.get('confirm') ?? '').trim() === word
}

function wrongWord(message: string): FormState {
  return { status: 'error', message, fields: { confirm: message } }
}

function requestedKey(state: string): 'held' | 'awaiting_approval' | 'delayed' {
  return state === 'held' || state === 'awaiting_approval' ? state : 'delayed'
}
