import { base64Encode, equalBytes } from '#lib/bytes.ts'
import { isTimeZone, zonedClock } from '#lib/zoned-time.ts'
import { BUNDLE_MEMBERS, BundleError, type BundleFile, type BundleReader, type BundleVerdict } from './bundle.ts'
import { type Leaf, LeafReader } from './bundle-leaves.ts'
import { openSeal, type Sealed } from './bundle-open.ts'
import { type PartRow, readPart } from './bundle-parts.ts'
import { MultiproofVerification } from './multiproof.ts'
import { sha256Stream } from './sha256-stream.ts'

/**
 * Verifies a sealed bundle without its server: the seal, the hash of every member, every event's entry and personal values, every
 * cell that a person reads, and that all the events stand in the signed tree. Keeps nothing of what it reads.
 * `vkey` is the log's public key; without it the bundle's own is used and the verdict says so.
 */
export async function verifyBundle(
  bundle: BundleReader,
  options: { vkey?: string | undefined } = {},
): Promise<BundleVerdict> {
  try {
    return await new BundleVerification(bundle, await openSeal(bundle, options.vkey)).run()
  } catch (error) {
    if (!(error instanceof BundleError)) throw error
    const { code, member, row, index } = error
    return { ok: false, code, member, row, index, reason: sentence(error) }
  }
}

function sentence({ member, row, index, message }: BundleError): string {
  const place = [
    ...(member === undefined ? [] : [member]),
    ...(row === undefined ? [] : [`row ${row}`]),
    ...(index === undefined ? [] : [`event ${index}`]),
  ]
  return place.length === 0 ? message : `${place.join(', ')}: ${message}`
}

class BundleVerification {
  readonly #bundle: BundleReader
  readonly #sealed: Sealed
  readonly #days = new Map<string, number>()
  readonly #dayOf: (timeMs: number) => string
  #events = 0
  #personalChecked = 0

  constructor(bundle: BundleReader, sealed: Sealed) {
    this.#bundle = bundle
    this.#sealed = sealed
    this.#dayOf = dayClock(sealed.manifest.about?.timeZone ?? 'UTC')
  }

  async run(): Promise<BundleVerdict> {
    const { manifest, checkpoint, keyFrom } = this.#sealed
    this.#compareNames()
    // First what the events are compared with.
    for (const file of manifest.files) if (!isPart(file.name)) await drain(this.#hashed(file))
    await this.#compareParts()
    this.#compareCounts()
    await this.#followProof()
    const { origin, size, root } = checkpoint
    return {
      ok: true,
      manifest,
      checkpoint: { origin, size, root },
      events: this.#events,
      personalChecked: this.#personalChecked,
      keyFrom,
    }
  }

  #compareNames(): void {
    const { files } = this.#sealed.manifest
    const there = new Set(this.#bundle.names)
    const listed = new Set<string>([BUNDLE_MEMBERS.manifest, BUNDLE_MEMBERS.seal, ...files.map(({ name }) => name)])
    const needed = [BUNDLE_MEMBERS.checkpoint, BUNDLE_MEMBERS.leaves, BUNDLE_MEMBERS.proof]
    for (const name of [...listed, ...needed])
      if (!there.has(name)) throw new BundleError('file_missing', name, 'is missing')
    for (const name of [...there, ...needed])
      if (!listed.has(name)) throw new BundleError('file_surplus', name, 'the manifest does not list it')
    if (listed.size !== files.length + 2)
      throw new BundleError('bundle_malformed', BUNDLE_MEMBERS.manifest, 'lists a file twice')
  }

  /** Every event of the parts against its leaf. */
  async #compareParts(): Promise<void> {
    const { manifest } = this.#sealed
    const leaves = new LeafReader(this.#bundle.read(BUNDLE_MEMBERS.leaves))
    for (const file of manifest.files) {
      if (!isPart(file.name)) continue
      let row = 0
      const bytes = {
        all: () => this.#hashed(file),
        range: (from: number, to: number) => this.#bundle.read(file.name, from, to),
      }
      // Row groups are read out of order: the hash is taken by itself.
      if (manifest.format === 'parquet') await drain(bytes.all())
      const stated = file.events?.count ?? 0
      try {
        for await (const rows of readPart(manifest, file, bytes))
          for (const found of rows) this.#compareRow(found, await leaves.next(), file, ++row)
      } catch (error) {
        // A part that was cut off has another hash, too: the event says more.
        if (error instanceof BundleError && error.code === 'file_altered' && row < stated)
          this.#missing(await leaves.next(), file, row)
        throw error
      }
      if (row < stated) this.#missing(await leaves.next(), file, row)
      if (row !== file.events?.count)
        throw new BundleError('count_mismatch', file.name, `has ${row} events, the manifest says ${file.events?.count}`)
    }
    const more = await leaves.next()
    if (more) this.#missing(more, undefined, undefined)
  }

  #compareRow(found: PartRow, leaf: Leaf | null, file: BundleFile, row: number): void {
    const { index } = found
    const fail = (code: BundleError['code'], at: number, reason: string) => {
      throw new BundleError(code, file.name, reason).at({ row, index: at })
    }
    if (!leaf || leaf.index > index) fail('event_surplus', index, 'is not one of the events that were sealed')
    else if (leaf.index < index) fail('event_missing', leaf.index, 'is missing')
    else if (index >= this.#sealed.manifest.asOf) fail('event_surplus', index, 'was recorded after the export')
    else if (found.leaf && !equalBytes(found.leaf, leaf.hash))
      fail('entry_altered', index, 'the entry does not hash to the leaf that was sealed')
    this.#events += 1
    if (found.hasPersonal) this.#personalChecked += 1
    const day = found.day ?? this.#dayOf(found.occurredAtMs)
    this.#days.set(day, (this.#days.get(day) ?? 0) + 1)
  }

  #missing(leaf: Leaf | null, file: BundleFile | undefined, row: number | undefined): void {
    if (!leaf) return
    const place = { index: leaf.index, row: row === undefined ? undefined : row + 1 }
    throw new BundleError('event_missing', file?.name, 'is missing').at(place)
  }

  #compareCounts(): void {
    const { manifest } = this.#sealed
    const { count, days } = manifest.events
    const fail = (reason: string) => {
      throw new BundleError('count_mismatch', BUNDLE_MEMBERS.manifest, reason)
    }
    if (count !== this.#events) fail(`says ${count} events, there are ${this.#events}`)
    const stated = new Map(Object.entries(days))
    for (const day of new Set([...stated.keys(), ...this.#days.keys()]))
      if (stated.get(day) !== this.#days.get(day))
        fail(`says ${stated.get(day) ?? 0} events on ${day}, there are ${this.#days.get(day) ?? 0}`)
  }

  async #followProof(): Promise<void> {
    const { checkpoint } = this.#sealed
    const proof = new MultiproofVerification(checkpoint.size, this.#bundle.read(BUNDLE_MEMBERS.proof))
    try {
      const leaves = new LeafReader(this.#bundle.read(BUNDLE_MEMBERS.leaves))
      for (let batch = await leaves.batch(); batch.length > 0; batch = await leaves.batch())
        await proof.take(batch.map(({ index, hash }) => ({ index, leaf: hash })))
      if (await proof.leadsTo(checkpoint.root)) return
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new BundleError('proof_invalid', BUNDLE_MEMBERS.proof, error.message, { cause: error })
    }
    throw new BundleError('proof_invalid', BUNDLE_MEMBERS.proof, 'the events do not lead to the root that was signed')
  }

  /** The bytes of a member; behind the last one they are compared with the manifest. */
  async *#hashed(file: BundleFile): AsyncGenerator<Uint8Array> {
    const hash = sha256Stream()
    let sizeBytes = 0
    for await (const piece of this.#bundle.read(file.name)) {
      hash.update(piece)
      sizeBytes += piece.length
      yield piece
    }
    if (sizeBytes === file.sizeBytes && base64Encode(hash.digest()) === file.sha256) return
    throw new BundleError('file_altered', file.name, 'is not the file that was sealed: its SHA-256 differs')
  }
}

function isPart(name: string): boolean {
  return name.startsWith(BUNDLE_MEMBERS.parts)
}

function dayClock(timeZone: string): (timeMs: number) => string {
  if (!isTimeZone(timeZone))
    throw new BundleError('bundle_malformed', BUNDLE_MEMBERS.manifest, `${timeZone} is not a time zone`)
  const clock = zonedClock(timeZone)
  return (timeMs) => clock(timeMs).slice(0, 10)
}

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
}
