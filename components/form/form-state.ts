/**
 * What a server action of a form answers. `message` and `fields` are in the reader's language already. `stepUp` says that
 * the second factor is missing: a `<StepUpField onlyWhenAsked>` then appears.
 */
export type FormState =
  | { status: 'idle' }
  | { status: 'error'; message: string; fields?: Record<string, string>; stepUp?: boolean }
  | { status: 'ok'; message?: string }

export type FormAction = (state: FormState, data: FormData) => Promise<FormState>

export const idle: FormState = { status: 'idle' }
