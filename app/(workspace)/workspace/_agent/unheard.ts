import type { Enrolled } from './workspace-store.ts'

/** A block cannot reach a page whose network was cut; a tunnel is shorter than this. */
export const UNHEARD_AFTER_MS = 60_000

/** Whether what is shown may stay on the screen only as long as the server is heard: where the policy lets nothing be kept. */
export function mustHear({ policy }: Pick<Enrolled, 'policy'>): boolean {
  return !policy?.document.devices.browser.offlineContent
}
