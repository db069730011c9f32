import { useTranslations } from 'next-intl'
import { type Step, Steps } from '#components/ui/steps.tsx'
import { Time } from '#components/ui/time.tsx'
import type { WipeState, WipeStep, WipeView } from '#server/devices/schema.ts'
import { StepBy } from './step-by.tsx'

const GATE: readonly WipeState[] = ['held', 'awaiting_approval', 'delayed']
const STOPPED: readonly WipeState[] = ['cancelled', 'superseded', 'expired']

/** The bar of an erase: asked, let through, key destroyed, delivered, receipt. */
export function WipeSteps({ wipe }: { wipe: WipeView }) {
  const t = useTranslations('wipe')
  const reached = new Map(wipe.timeline.map((step) => [step.state, step]))
  const first = wipe.timeline[0]
  const detail = (step: WipeStep | undefined) => step && <StepTime step={step} />
  const received = reached.get('erased') ?? reached.get('failed')
  const stopped = STOPPED.includes(wipe.state)
  const state = (done: boolean, now: boolean): Step['state'] => (done ? 'done' : now ? 'now' : 'todo')
  const steps: Step[] = [
    { key: 'asked', title: t('step.asked'), detail: detail(first), state: 'done' },
    {
      key: 'gate',
      title: t(gateTitle(wipe.state)),
      detail: detail(stopped ? reached.get(wipe.state) : (reached.get('queued') ?? reached.get('delayed'))),
      state: stopped ? 'failed' : state(reached.has('queued'), GATE.includes(wipe.state)),
    },
    {
      key: 'destroyed',
      title: t('step.destroyed'),
      detail: detail(reached.get('queued')),
      state: state(reached.has('queued'), false),
    },
    {
      key: 'delivered',
      title: t(wipe.state === 'unconfirmed' ? 'step.unconfirmed' : 'step.delivered'),
      detail: detail(reached.get('delivered')),
      state: state(reached.has('delivered') || received !== undefined, wipe.state === 'queued'),
    },
    {
      key: 'receipt',
      title: t(wipe.state === 'failed' ? 'step.failed' : 'step.receipt'),
      detail: detail(received),
      state:
        wipe.state === 'failed'
          ? 'failed'
          : state(wipe.state === 'erased', wipe.state === 'delivered' || wipe.state === 'unconfirmed'),
    },
  ]
  return <Steps label={t('step.label')} steps={steps} />
}

function gateTitle(state: WipeState) {
  switch (state) {
    case 'cancelled':
    case 'superseded':
    case 'expired':
      return `state.${state}` as const
    case 'held':
    case 'awaiting_approval':
    case 'delayed':
      return `step.${state}` as const
    default:
      return 'step.passed'
  }
}

function StepTime({ step }: { step: WipeStep }) {
  return (
    <>
      <StepBy by={step.by} /> <Time value={step.at} dateless hideZone />
    </>
  )
}
