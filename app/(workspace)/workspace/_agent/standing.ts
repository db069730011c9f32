import type { Standing } from '#agent/core/identity.ts'

/** Why nothing is shown although this browser is enrolled; a key of the messages `workspace.hold`. */
export type Hold = 'pending' | 'blocked' | 'wiping' | 'retired' | 'too_old' | 'clone'

/** What follows from the server's last word. */
export function holdOf(standing: Standing | null): Hold | null {
  if (!standing) return null
  if (standing.cloneSuspectedAt) return 'clone'
  switch (standing.status) {
    case 'pending':
    case 'blocked':
    case 'retired':
      return standing.status
    case 'wiping':
    case 'wiped':
      return 'wiping'
  }
  return standing.problem?.code === 'app_version_too_old' ? 'too_old' : null
}
