import { z } from 'zod'

/**
 * A sealed bundle: one ZIP file that proves itself. `manifest.json` lists every other member with its SHA-256 and is itself named
 * by `manifest.note`, which the log's own key signs; `proof` leads from the events in it to the root in `checkpoint`.
 * The format to the byte: docs/reference/export-bundle.md.
 */
export const BUNDLE_MEMBERS = {
  manifest: 'manifest.json',
  /** The signed note over the manifest's hash. */
  seal: 'manifest.note',
  checkpoint: 'checkpoint',
  proof: 'proof',
  howTo: 'verify.txt',
  /** For each event, in order: its index in 8 bytes, big-endian, and the hash of its leaf in 32. */
  leaves: 'leaves',
  /** Events lie here: `parts/events-000001.csv` and so on. */
  parts: 'parts/',
} as const

/** export: the matches of a search · report: an answer with the events it rests on · purge: what was destroyed at the end of its time. */
export const BUNDLE_KINDS = ['export', 'report', 'purge'] as const
/** One of `BUNDLE_KINDS`. */
export type BundleKind = (typeof BUNDLE_KINDS)[number]

/** How events are written in the parts. */
export const BUNDLE_FORMATS = ['csv', 'ndjson', 'parquet'] as const
/** One of `BUNDLE_FORMATS`. */
export type BundleFormat = (typeof BUNDLE_FORMATS)[number]

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const sha256Field = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)

/** A member of the bundle; `events` only where it is a part. */
const fileSchema = z.strictObject({
  name: z.string().regex(/^(?!manifest\.)[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/),
  sizeBytes: count,
  sha256: sha256Field,
  events: z.strictObject({ count, first: count, last: count }).optional(),
})

/** What was asked: `q` in its normal form; `from` (included) and `to` (excluded) bound when it occurred. */
const aboutSchema = z.strictObject({
  q: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
  /** IANA name of the zone in which times of the parts are written. */
  timeZone: z.string(),
})

/** `manifest.json`: RFC 8785 canonical JSON of this. */
export const manifestSchema = z.strictObject({
  v: z.literal(1),
  kind: z.enum(BUNDLE_KINDS),
  /** The log, as the first line of its checkpoints. */
  origin: z.string(),
  /** Public key of the log. Believe the one that you were given elsewhere, not this. */
  vkey: z.string(),
  createdAt: z.string(),
  about: aboutSchema.optional(),
  format: z.enum(BUNDLE_FORMATS),
  /** Only the first so many entries of the log were looked at. */
  asOf: count,
  /** Names are pseudonyms and the entries are left out: a leaf's hash stands for each. */
  masked: z.boolean(),
  events: z.strictObject({
    count,
    /** Events by the day they occurred on, in `timeZone`. */
    days: z.record(z.string().regex(/^\d{4}-\d{2}-\d{2}$/), count),
  }),
  files: z.array(fileSchema),
})

/** The manifest of a bundle. */
export type BundleManifest = z.output<typeof manifestSchema>
/** One member as the manifest lists it. */
export type BundleFile = BundleManifest['files'][number]
/** What was asked for. */
export type BundleAbout = NonNullable<BundleManifest['about']>

/** The members of a bundle by name, wherever they lie; `openZip` makes one of a ZIP file. */
export type BundleReader = {
  readonly names: readonly string[]
  /** The bytes of a member from `from` (0) to `to` (its end). Throws a BundleError when there is none or it is damaged. */
  read(name: string, from?: number, to?: number): AsyncIterable<Uint8Array>
}

/** Bytes that can be read anywhere: a file, a Blob, a response with ranges. */
export type BundleSource = {
  readonly sizeBytes: number
  read(from: number, to: number): Promise<Uint8Array>
}

/** Why a bundle does not hold. */
export type BundleFailureCode =
  | 'bundle_malformed'
  | 'seal_invalid'
  | 'checkpoint_invalid'
  | 'file_missing'
  | 'file_surplus'
  | 'file_altered'
  | 'row_malformed'
  | 'event_missing'
  | 'event_surplus'
  | 'entry_altered'
  | 'entry_malformed'
  | 'personal_mismatch'
  | 'column_altered'
  | 'count_mismatch'
  | 'proof_invalid'

/**
 * The verdict. On failure `member` is the file, `row` the event within it (from 1), `index` the event's place in the log, where
 * they are known; `reason` says it in a sentence.
 */
export type BundleVerdict =
  | {
      readonly ok: true
      readonly manifest: BundleManifest
      /** The signed tree in which every event of the bundle stands. */
      readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: Uint8Array }
      readonly events: number
      /** How many of them still have their personal values, all of which are those committed to. */
      readonly personalChecked: number
      /** `bundle`: no key was given, its own was used; compare it with the one on the Trust page. */
      readonly keyFrom: 'given' | 'bundle'
    }
  | {
      readonly ok: false
      readonly code: BundleFailureCode
      readonly member?: string | undefined
      readonly row?: number | undefined
      readonly index?: number | undefined
      readonly reason: string
    }

/** Something about a bundle that does not hold. */
export class BundleError extends Error {
  readonly code: BundleFailureCode
  readonly member: string | undefined
  row: number | undefined
  index: number | undefined
  constructor(code: BundleFailureCode, member: string | undefined, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'BundleError'
    this.code = code
    this.member = member
  }

  at(place: { row?: number | undefined; index?: number | undefined }): this {
    this.row ??= place.row
    this.index ??= place.index
    return this
  }
}
