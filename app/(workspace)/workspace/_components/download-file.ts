import type { BrowserAgent } from '#agent/browser/agent.ts'

type Options = { fileId: string; session: string; reason?: string | undefined }

/** The file as it was uploaded, saved by the browser: the policy let it out. The server has written it down before a byte comes. */
export async function downloadFile(agent: BrowserAgent, options: Options): Promise<void> {
  const { openRelease } = await import('#agent/core/release.ts')
  const { release, chunks } = await openRelease(await agent.device(), { ...options, purpose: 'download' })
  const parts: Blob[] = []
  // A blob a chunk: browsers keep large ones on the disk, and no array of the whole stands in memory.
  for await (const chunk of chunks()) parts.push(new Blob([chunk]))
  // Never by its own type: what a browser would open, it must save.
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  link.download = release.name
  link.click()
  // The browser has taken hold of it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
