'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { cancelAllRequests, decisions } from '#server/approvals/commands.ts'
import type { DecidableCommand } from '#server/approvals/schema.ts'
import { runAction } from '#server/http/action.ts'

type Decision = 'approve' | 'release' | 'cancel'

export async function decide(
  command: DecidableCommand,
  decision: Decision,
  requestId: string,
  _: FormState,
  form: FormData,
): Promise<FormState> {
  const t = await getTranslations('wipe')
  // What is bound into a form comes back from the browser: only known names choose a command.
  const known = Object.hasOwn(decisions, command) ? decisions[command] : decisions['device.wipe']
  const chosen = decision === 'approve' ? known.approve : decision === 'release' ? known.release : known.cancel
  return runAction({
    command: chosen,
    input: { requestId },
    form,
    success: ({ state }) => ({ message: t(state === 'cancelled' ? 'decided.cancelled' : 'decided.going') }),
  })
}

export async function cancelAll(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('wipe')
  return runAction({
    command: cancelAllRequests,
    input: {},
    form,
    success: ({ cancelled }) => ({ message: t('decided.all', { count: cancelled }) }),
  })
}
