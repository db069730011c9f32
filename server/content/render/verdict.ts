/** How a content can be shown. `none`: not at all, it can only be downloaded. */
export const RENDITION_KINDS = ['pdf', 'image', 'text', 'markdown', 'none'] as const
export type RenditionKind = (typeof RENDITION_KINDS)[number]

/** Why a content is not shown although it claims to be of a kind that is. */
export const RENDITION_REFUSALS = ['encrypted', 'malformed', 'too_large', 'too_costly', 'wrong_type', 'empty'] as const
export type RenditionRefusal = (typeof RENDITION_REFUSALS)[number]

/** What the child says of a file; `body` is what is shown in its place. A PDF is shown as it is. */
export type Verdict =
  | { state: 'ready'; kind: 'pdf'; pages: number }
  | { state: 'ready'; kind: 'image' | 'text' | 'markdown'; mediaType: string; body: Uint8Array<ArrayBuffer> }
  | { state: 'ready'; kind: 'none' }
  | { state: 'refused'; reason: RenditionRefusal }

export type Declared = { mediaType: string; name: string; sizeBytes: number }

/** How a parser says why it gave up. Anything else that is thrown means `malformed`. */
export class Refused extends Error {
  readonly reason: RenditionRefusal

  constructor(reason: RenditionRefusal, cause?: unknown) {
    super(`refused: ${reason}`, { cause })
    this.name = 'Refused'
    this.reason = reason
  }
}
