/** Our own parts that act, as entries and queries call them. A test holds that these are all of them. */
export const SYSTEM_ACTORS = [
  'archive',
  'brake',
  'cli',
  'deliveries',
  'enrolment',
  'exports',
  'gateway',
  'inspection',
  'integrity',
  'invitation',
  'keeping',
  'keys',
  'policy',
  'reset',
  'restore',
  'setup',
  'verification',
  'worker',
] as const
type SystemActor = (typeof SYSTEM_ACTORS)[number]

/** The messages of `names`, of whichever component. */
type SystemWords = (key: `system.${SystemActor}` | 'importOf', values?: { name: string }) => string

/** How history names nobody: the import itself acted (server/audit/import). */
const IMPORT = /^import (.+)$/s

/** What one of our own parts is called in the reader's language; null for a name that none of them has. */
export function systemWords(t: SystemWords, name: string): string | null {
  const known = SYSTEM_ACTORS.find((actor) => actor === name)
  if (known) return t(`system.${known}`)
  const [, source] = IMPORT.exec(name) ?? []
  return source === undefined ? null : t('importOf', { name: source })
}
