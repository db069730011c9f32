'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { CustomField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ComboboxItem } from '#components/ui/combobox.tsx'
import { FileInput } from '#components/ui/file-input.tsx'
import { MAX_FILE_BYTES } from '#server/content/schema.ts'
import { AudienceFields } from './audience-fields.tsx'
import { publishUpload, UploadUnknown } from './publish-upload.ts'
import { type Sending, SendingRefused, sendFile } from './send-file.ts'
import { UploadProgress } from './upload-progress.tsx'

const ENDPOINT = '/files/uploads'

type Begun = { key: string; location: string }

/** Sends the file in pieces, then publishes it. What was sent stays sent: after a failure the same button goes on with it. */
export function UploadForm({ people }: { people: ComboboxItem[] }) {
  const t = useTranslations('files')
  const router = useRouter()
  const [progress, setProgress] = useState<{ file: File; sending: Sending } | null>(null)
  const begun = useRef<Begun>(undefined)
  const leaving = useLeaving()

  const send = async (_: FormState, form: FormData): Promise<FormState> => {
    const file = form.get('file')
    const problem = problemOf(file)
    if (problem || !(file instanceof File)) {
      const message =
        problem === 'empty' ? t('invalid.empty') : t('invalid.file', { limit: MAX_FILE_BYTES / 1024 ** 2 })
      return { status: 'error', message: t('invalid.form'), fields: { file: message } }
    }
    const key = `${file.name}/${file.size}/${file.lastModified}`
    try {
      const location = await sendFile({
        file,
        endpoint: ENDPOINT,
        location: begun.current?.key === key ? begun.current.location : undefined,
        onBegun: (place) => {
          begun.current = { key, location: place }
        },
        onSending: (sending) => setProgress({ file, sending }),
        signal: leaving.current?.signal,
      })
      const answer = await publishUpload(form, { name: file.name, location })
      if (answer.id) router.push(`/files/${answer.id}`)
      return answer
    } catch (error) {
      if (error instanceof UploadUnknown) begun.current = undefined
      return failureOf(error, t)
    } finally {
      setProgress(null)
    }
  }
  return (
    <FormShell action={send} label={t('new.title')}>
      <CustomField name="file" label={t('new.file')}>
        {(control) => <FileInput name="file" {...control} />}
      </CustomField>
      {progress && (
        <UploadProgress name={progress.file.name} sizeBytes={progress.file.size} sending={progress.sending} />
      )}
      <TextField name="labels" label={t('new.labels')} hint={t('new.labelsHint')} required={false} />
      <AudienceFields people={people} everyone={false} />
      <SubmitButton>{t('new.submit')}</SubmitButton>
    </FormShell>
  )
}

/** A signal that ends what this page has under way when it is left. */
function useLeaving(): RefObject<AbortController | undefined> {
  const controller = useRef<AbortController>(undefined)
  useEffect(() => {
    const made = new AbortController()
    controller.current = made
    return () => made.abort()
  }, [])
  return controller
}

function problemOf(file: FormDataEntryValue | null): 'none' | 'empty' | 'tooLarge' | undefined {
  if (!(file instanceof File) || file.name === '') return 'none'
  if (file.size === 0) return 'empty'
  return file.size > MAX_FILE_BYTES ? 'tooLarge' : undefined
}

type Translate = ReturnType<typeof useTranslations<'files'>>

/** Why the server would not take it, in the reader's language. */
function failureOf(error: unknown, t: Translate): FormState {
  if (!(error instanceof SendingRefused)) return { status: 'error', message: t('new.failed') }
  if (error.code === 'unauthenticated') return { status: 'error', message: t('new.signedOut') }
  const wrong = ['name', 'mediaType'].find((name) => error.fields.includes(name))
  if (wrong !== 'name' && wrong !== 'mediaType') return { status: 'error', message: t('new.refused') }
  return { status: 'error', message: t('invalid.form'), fields: { file: t(`invalid.${wrong}`) } }
}
