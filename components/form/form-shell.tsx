'use client'

import {
  createContext,
  type ReactNode,
  type SubmitEvent,
  startTransition,
  use,
  useActionState,
  useEffect,
  useRef,
} from 'react'
import { toast } from 'sonner'
import { Notice } from '../ui/notice.tsx'
import { type FormAction, type FormState, idle } from './form-state.ts'

const FormContext = createContext<{ state: FormState; pending: boolean }>({ state: idle, pending: false })

/** The state of the form around: its errors, and whether it is being sent. */
export function useFormShell() {
  return use(FormContext)
}

type Props = {
  action: FormAction
  /** Names the form for screen readers. */
  label?: string
  className?: string
  /** Called after each success that does not leave the page, e.g. to close a dialog. */
  onOk?: () => void
  /** Empty the fields after success. */
  resetOnOk?: boolean
  children: ReactNode
}

/**
 * The one form of the console around a server action: keeps what was typed when the answer is an error, announces it,
 * moves the focus to the first wrong field. Works as a plain form before scripts have loaded.
 */
export function FormShell({ action, label, className, onOk, resetOnOk = false, children }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const [state, dispatch, pending] = useActionState(action, idle)

  // Focus, toast and reset are the browser's, not React's: they follow an answer and need the painted errors.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new answer may move the focus
  useEffect(() => {
    if (state.status === 'error') focusFirstError(form.current)
    if (state.status !== 'ok') return
    if (state.message) toast.success(state.message)
    if (resetOnOk) form.current?.reset()
    onOk?.()
  }, [state])

  // React empties a form after its action, also when the answer is an error; sending it ourselves keeps the input.
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending) return
    const data = new FormData(event.currentTarget, event.nativeEvent.submitter)
    startTransition(() => dispatch(data))
  }

  return (
    <form
      ref={form}
      action={dispatch}
      onSubmit={submit}
      noValidate
      aria-label={label}
      aria-busy={pending}
      className={className}
    >
      {state.status === 'error' && (
        <div tabIndex={-1} data-form-error className="mb-4">
          <Notice tone="danger" announce>
            {state.message}
          </Notice>
        </div>
      )}
      <FormContext value={{ state, pending }}>{children}</FormContext>
    </form>
  )
}

function focusFirstError(form: HTMLFormElement | null) {
  const target =
    form?.querySelector<HTMLElement>('[aria-invalid="true"]') ?? form?.querySelector<HTMLElement>('[data-form-error]')
  target?.focus()
}
