'use client'

import { useEffect } from 'react'
import { warmViewer } from '../../viewer/spare.ts'

/** Of what else the page has to do first. */
const PATIENCE_MS = 300

/**
 * Gets the viewer ready while a person looks at a list of files, so that the next one opened is there at once.
 * `canPrint`: whether printing is allowed for the one that is likely to be opened.
 */
export function useWarmViewer(canPrint: boolean): void {
  useEffect(() => {
    const timer = setTimeout(() => warmViewer({ canPrint }), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [canPrint])
}
