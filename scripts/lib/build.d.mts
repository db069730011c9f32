/** Builds the viewer's frame into public/viewer when one of its sources changed since the last build. */
export function ensureViewer(): Promise<void>
/** @throws Refusal when a build that succeeded has said that it met warnings */
export function requireNoWarnings(said: string): void
