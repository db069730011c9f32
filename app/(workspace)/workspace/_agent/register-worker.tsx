'use client'

import { useEffect } from 'react'
import { registerWorker } from './push.ts'

/** Makes the workspace installable, with a page for when there is no connection. */
export function RegisterWorker() {
  useEffect(() => void registerWorker(), [])
  return null
}
