'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type ChangeEvent, useEffect, useRef, useState } from 'react'
import type { FormState } from '#components/form/form-state.ts'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { FileInput } from '#components/ui/file-input.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { ImportAnswer, ImportPreview, MappingView } from '#server/audit/schema.ts'
import { saidWords } from '../_said-words.ts'
import { save } from '../actions.ts'
import { ImportResult } from './import-result.tsx'
import { PreviewTable } from './preview-table.tsx'
import { ImportRefused, preview, send } from './send-import.ts'
import { suggestEncoding } from './suggest-encoding.ts'
import { suggestMapping } from './suggest-mapping.ts'

type State =
  | { step: 'idle' | 'busy' }
  | { step: 'shown'; preview: ImportPreview; of: string }
  | { step: 'sending'; sent: number }
  | { step: 'done'; answer: ImportAnswer }
  | { step: 'failed'; message: string; fields: { field: string; detail: string }[] }

const RETRY_SECONDS = 60

/** A file and how to read it: shown first, then imported. A run that was cut off goes on when the same file is sent again. */
export function ImportForm({ chosen }: { chosen: MappingView | null }) {
  const t = useTranslations('imports')
  const failure = useFailure()
  const router = useRouter()
  const [file, setFile] = useState<File | null>(null)
  const [mapping, setMapping] = useState(chosen ? textOf(chosen) : '')
  const [state, setState] = useState<State>({ step: 'idle' })
  const guess = useRef('')
  const leaving = useRef<AbortController>(undefined)
  useEffect(() => {
    const controller = new AbortController()
    leaving.current = controller
    return () => controller.abort()
  }, [])

  const attempt = async (work: () => Promise<State>) => {
    setState({ step: 'busy' })
    setState(await work().catch(failure))
  }
  const choose = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const picked = target.files?.[0] ?? null
    setFile(picked)
    setState({ step: 'idle' })
    // What somebody wrote or chose stays; an untouched guess was about the file before.
    if (!picked || (mapping !== '' && mapping !== guess.current)) return
    const { encoding, text } = suggestEncoding(new Uint8Array(await picked.slice(0, 64 * 1024).arrayBuffer()))
    guess.current = JSON.stringify(suggestMapping(picked.name, text, encoding), null, 2)
    setMapping(guess.current)
  }
  const show = (picked: File) =>
    attempt(async () => ({ step: 'shown', preview: await preview(picked, mapping), of: mapping }))
  const run = (picked: File) =>
    attempt(async () => {
      const saved: FormState = chosen && mapping === textOf(chosen) ? { status: 'ok' } : await save(mapping)
      if (saved.status === 'error') {
        const fields = Object.entries(saved.fields ?? {}).map(([field, detail]) => ({ field, detail }))
        return { step: 'failed', message: saved.message, fields }
      }
      const { name } = JSON.parse(mapping) as { name: string }
      const onSent = (sent: number) => setState({ step: 'sending', sent })
      const signal = leaving.current?.signal ?? AbortSignal.abort()
      const answer = await send({ file: picked, mapping: name, onSent, signal })
      router.refresh()
      return { step: 'done', answer }
    })

  const busy = state.step === 'busy' || state.step === 'sending'
  const lacking = file === null ? t('needsFile') : busy ? t('busy') : mapping.trim() === '' ? t('needsMapping') : null
  const isShown = state.step === 'shown' && state.of === mapping
  const unseen = !isShown ? t('needsPreview') : state.preview.rows.length === 0 ? t('empty') : null
  return (
    <div className="grid min-w-0 grid-cols-[minmax(0,1fr)] gap-4">
      <Card>
        <Panel>
          <Field label={t('file')} hint={t('fileHint')}>
            {(control) => <FileInput accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json" onChange={choose} {...control} />}
          </Field>
          <Field label={t('mapping.label')} hint={t('mapping.hint')}>
            {(control) => (
              <Textarea
                mono
                rows={16}
                spellCheck={false}
                value={mapping}
                onChange={({ target }) => setMapping(target.value)}
                {...control}
              />
            )}
          </Field>
          <div className="flex flex-wrap gap-2">
            <Button disabledReason={lacking} onClick={() => file && show(file)}>
              {t('show')}
            </Button>
            <Button variant="primary" disabledReason={lacking ?? unseen} onClick={() => file && run(file)}>
              {t('run')}
            </Button>
          </div>
        </Panel>
      </Card>
      <Progress state={state} file={file} />
      {state.step === 'shown' && <PreviewTable rows={state.preview.rows} />}
      {state.step === 'done' && <ImportResult answer={state.answer} />}
    </div>
  )
}

function textOf({ document }: MappingView): string {
  return JSON.stringify(document, null, 2)
}

/** In the reader's language, as far as there are words for it. */
function useFailure(): (error: unknown) => State {
  const [t, words, errors] = [useTranslations('imports'), useTranslations('imports.said'), useTranslations('errors')]
  return (error) => {
    if (!(error instanceof ImportRefused)) return { step: 'failed', message: t('failed'), fields: [] }
    const { code, detail, requestId, errors: faults } = error.problem
    const known = `code.${code}` as 'code.internal'
    const message = errors.has(known) ? errors(known, { requestId, seconds: RETRY_SECONDS }) : detail
    const fields = faults.map(({ field, detail: fault }) => ({ field, detail: saidWords(words, fault) ?? fault }))
    return { step: 'failed', message, fields }
  }
}

function Progress({ state, file }: { state: State; file: File | null }) {
  const t = useTranslations('imports')
  if (state.step === 'failed')
    return (
      <Notice tone="danger" announce>
        <p>{state.message}</p>
        <ul className="font-mono text-mono">
          {state.fields.map(({ field, detail }) => (
            <li key={field}>
              {field}: {detail}
            </li>
          ))}
        </ul>
      </Notice>
    )
  if (state.step !== 'sending' || !file) return null
  const isSent = state.sent >= file.size
  return (
    <div>
      <progress
        aria-label={t('sending', { name: file.name })}
        value={state.sent}
        max={file.size}
        className="h-2 w-full accent-accent"
      />
      <p role="status" className="text-ink-2">
        {isSent ? t('finishing') : t('sending', { name: file.name })}
      </p>
    </div>
  )
}
