'use client'

import { type ReactNode, useId } from 'react'
import { Tooltip } from './tooltip.tsx'

type Props = {
  reason: string
  className: string
  label?: string | undefined
  title?: string | undefined
  children: ReactNode
}

/** A button that may not be pressed now: focusable, with its reason as tooltip and description. */
export function RefusedButton({ reason, className, label, title, children }: Props) {
  const id = useId()
  return (
    <>
      <Tooltip text={reason}>
        <button
          type="button"
          aria-disabled="true"
          aria-describedby={id}
          aria-label={label}
          title={title}
          className={className}
        >
          {children}
        </button>
      </Tooltip>
      <span id={id} className="sr-only">
        {reason}
      </span>
    </>
  )
}
