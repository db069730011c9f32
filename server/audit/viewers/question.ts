/** The actions that tell of somebody coming near a file's content. */
export const VIEWING_ACTIONS = [
  'file.view',
  'file.release',
  'file.download',
  'file.forward',
  'file.print',
  'file.copy',
  'screenshot.attempt',
  'file.publish',
] as const

/**
 * The search that finds what people did with a file, in normal form: its id alone finds the entries of its copies, too, which are
 * correlated with the root.
 */
export function viewersQuery(rootId: string): string {
  return `(${VIEWING_ACTIONS.map((action) => `action:${action}`).join(' OR ')}) ${rootId}`
}
