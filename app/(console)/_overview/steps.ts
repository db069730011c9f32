import type { Overview } from './load.ts'

export type StepKey = 'organisation' | 'factor' | 'codes' | 'invite' | 'enrol' | 'publish' | 'policy'
/** One step of the beginning; `href` is where it is done. */
export type Step = { key: StepKey; done: boolean; href: string }

type Facts = Pick<Overview, 'factor' | 'people' | 'devices' | 'files' | 'policy'>

/** The steps of a new organisation, in their order. */
export function stepsOf({ factor, people, devices, files, policy }: Facts): Step[] {
  return [
    { key: 'organisation', done: true, href: '/' },
    { key: 'factor', done: factor.enrolled, href: '/sign-in/enrol' },
    { key: 'codes', done: factor.recoveryCodesLeft > 0, href: '/account/recovery-codes' },
    { key: 'invite', done: (people?.active ?? 0) + (people?.invited ?? 0) > 1, href: '/people/new' },
    { key: 'enrol', done: (devices?.known ?? 0) > 0, href: '/devices/new' },
    { key: 'publish', done: (files?.total.value ?? 0) > 0, href: '/files/new' },
    { key: 'policy', done: (policy?.version ?? 1) > 1, href: '/policies' },
  ]
}
