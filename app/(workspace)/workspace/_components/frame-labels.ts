'use client'

import { useTranslations } from 'next-intl'

/** Every text of the viewer's frame, which has no catalogue of its own; `{page}` and `{pages}` are filled in there. */
export function useFrameLabels(name: string) {
  const t = useTranslations('workspace')
  const numbers = { page: '{page}', pages: '{pages}' }
  return {
    title: t('frame.title', { name }),
    loading: t('frame.loading'),
    page: t('frame.page', numbers),
    pageFailed: t('frame.pageFailed'),
    zoomIn: t('frame.zoomIn'),
    zoomOut: t('frame.zoomOut'),
    fitWidth: t('frame.fitWidth'),
    print: t('frame.print'),
    preparingPrint: t('frame.preparingPrint', numbers),
    printTooLong: t('frame.printTooLong', numbers),
    covered: t('frame.covered'),
    noticed: t('frame.noticed'),
    withheld: t('frame.withheld'),
    resume: t('frame.resume'),
    printRefused: t('frame.printRefused'),
    printHere: t('frame.printHere'),
    failed: t('frame.failed'),
  }
}
