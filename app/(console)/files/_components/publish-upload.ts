import type { FormState } from '#components/form/form-state.ts'

export type Published = FormState & { id?: string }

/** What was sent cannot be published any more: it must be sent again. */
export class UploadUnknown extends Error {}

type Upload = { name: string; location: string }

const ATTEMPTS = 3

/** Publishes what lies at `location` with the form's other fields; an answer that was lost is asked for again. */
export async function publishUpload(form: FormData, { name, location }: Upload): Promise<Published> {
  const fields = new FormData()
  for (const [key, value] of form) if (key === 'labels' || key === 'audience') fields.append(key, value)
  fields.set('name', name)
  fields.set('uploadId', location.split('/').at(-1) ?? '')
  const response = await post(fields)
  if (response.status === 404 || response.status === 410) throw new UploadUnknown()
  return (await response.json()) as Published
}

async function post(body: FormData): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch('/files/upload', { method: 'POST', body })
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}
