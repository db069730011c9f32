import { useEffect, useEffectEvent } from 'react'

/** True while the person types: single keys are then letters, not commands. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input:not([type=checkbox],[type=radio]), textarea, select'))
  )
}

/** True while a dialog or menu has the keyboard. */
export function isCovered(): boolean {
  return (
    document.querySelector(
      '[role="dialog"]:not([hidden]), [role="alertdialog"]:not([hidden]), [role="menu"]:not([hidden])',
    ) !== null
  )
}

/** Listens to the whole page's keys. The listener says by returning true that the key was its own. */
export function usePageKeys(listener: (event: KeyboardEvent) => boolean) {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (!event.defaultPrevented && listener(event)) event.preventDefault()
  })
  useEffect(() => {
    const handle = (event: KeyboardEvent) => onKey(event)
    document.addEventListener('keydown', handle)
    return () => document.removeEventListener('keydown', handle)
  }, [])
}
