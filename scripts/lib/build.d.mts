/** Builds the viewer's frame into public/viewer when one of its sources changed since the last build. */
export function ensureViewer(): Promise<void>
