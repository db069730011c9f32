'use client'

import { useTranslations } from 'next-intl'
import { type SubmitEvent, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { OtpInput } from '#components/ui/otp-input.tsx'
import { makeOwnCode } from '../actions.ts'
import { useEnrol } from './use-enrol.ts'
import type { SignedInPerson } from './when-served.tsx'

/** This browser is no device yet: the three ways to make it one. */
export function EnrolPrompt({ person }: { person: SignedInPerson | null }) {
  const t = useTranslations('workspace')
  return (
    <div className="mx-auto w-full max-w-xl px-4 pt-6">
      <h1>{t('enrol.title')}</h1>
      <p className="mt-1 mb-4 text-ink-2">{t('enrol.intro')}</p>
      <div className="flex flex-col gap-4">
        {person && <EnrolMyself person={person} />}
        <EnrolByCode />
        {!person && <EnrolBySignIn />}
      </div>
      <WhatItMeans />
    </div>
  )
}

function EnrolMyself({ person }: { person: SignedInPerson }) {
  const t = useTranslations('workspace')
  const { state, enrol, fail } = useEnrol()
  const [isAsking, setAsking] = useState(false)
  const [prove, setProve] = useState<'factor' | 'sign_in' | null>(null)
  async function start(form: FormData) {
    setAsking(true)
    const made = await makeOwnCode(String(form.get('factorCode') ?? ''))
    if (made.prove) setProve(made.prove)
    if (made.code) await enrol(made.code)
    else fail(made.status === 'error' ? made.message : t('enrol.failed'))
    setAsking(false)
  }
  const isBusy = isAsking || state.status === 'busy'
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (!isBusy) void start(new FormData(event.currentTarget))
  }
  return (
    <Card>
      <Panel title={t('enrol.self.title')}>
        <p className="mb-3 text-ink-2">{t('enrol.self.text', person)}</p>
        {prove === 'sign_in' ? (
          <SignInAgain />
        ) : (
          <form onSubmit={submit} aria-label={t('enrol.self.title')}>
            {state.status === 'failed' && (
              <Notice tone="danger" announce className="mb-3">
                {state.message}
              </Notice>
            )}
            {prove === 'factor' && <FactorField />}
            <Button type="submit" variant="primary" size="large" aria-disabled={isBusy || undefined}>
              {isBusy ? t('enrol.busy') : t('enrol.submit')}
            </Button>
          </form>
        )}
      </Panel>
    </Card>
  )
}

function FactorField() {
  const t = useTranslations('common')
  return (
    <Field label={t('stepUp.label')} hint={t('stepUp.hint')}>
      {(control) => <OtpInput {...control} name="factorCode" autoFocus />}
    </Field>
  )
}

/** Who has no second factor proves by the password that this is not somebody else's browser with their cookie. */
function SignInAgain() {
  const t = useTranslations('workspace')
  return (
    <>
      <Notice tone="danger" announce className="mb-3">
        {t('enrol.self.again')}
      </Notice>
      <ButtonLink href="/sign-in?add=1&next=/workspace" size="large">
        {t('enrol.signIn.action')}
      </ButtonLink>
    </>
  )
}

function EnrolByCode() {
  const t = useTranslations('workspace')
  const { state, enrol } = useEnrol()
  const [code, setCode] = useState('')
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (state.status !== 'busy' && code.trim() !== '') void enrol(code)
  }
  return (
    <Card>
      <Panel title={t('enrol.code.title')}>
        <p className="mb-3 text-ink-2">{t('enrol.code.text')}</p>
        <form onSubmit={submit} aria-label={t('enrol.code.title')}>
          <Field label={t('enrol.code.label')} error={state.status === 'failed' ? state.message : undefined}>
            {(control) => (
              <Input
                {...control}
                mono
                value={code}
                onChange={(event) => setCode(event.currentTarget.value)}
                placeholder="XXXX-XXXX-XXXX"
                autoCapitalize="characters"
                spellCheck={false}
                maxLength={40}
              />
            )}
          </Field>
          <Button type="submit" variant="primary" size="large">
            {state.status === 'busy' ? t('enrol.busy') : t('enrol.submit')}
          </Button>
        </form>
      </Panel>
    </Card>
  )
}

function EnrolBySignIn() {
  const t = useTranslations('workspace')
  return (
    <Card>
      <Panel title={t('enrol.signIn.title')}>
        <p className="mb-3 text-ink-2">{t('enrol.signIn.text')}</p>
        <ButtonLink href="/sign-in?next=/workspace" size="large">
          {t('enrol.signIn.action')}
        </ButtonLink>
      </Panel>
      <CardFoot>
        <p className="text-ink-2">{t('enrol.link.text')}</p>
      </CardFoot>
    </Card>
  )
}

/** What a person agrees to, before they do. */
export function WhatItMeans() {
  const t = useTranslations('workspace')
  const lines = ['files', 'noticed', 'erase', 'not'] as const
  return (
    <section aria-label={t('means.title')} className="mt-5 mb-8">
      <h2>{t('means.title')}</h2>
      <ul className="mt-1 list-disc pl-5 text-ink-2">
        {lines.map((line) => (
          <li key={line}>{t(`means.${line}`)}</li>
        ))}
      </ul>
    </section>
  )
}
