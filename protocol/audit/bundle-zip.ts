import { concatBytes, equalBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { BundleError, type BundleReader, type BundleSource } from './bundle.ts'

/** A member to be written: `crc32` is of its bytes (PKWARE APPNOTE 4.4.7). */
export type ZipMember = { readonly name: string; readonly sizeBytes: number; readonly crc32: number }

/** A stretch of the ZIP file: bytes as they are, or those of a member. */
export type ZipStretch =
  | { readonly kind: 'bytes'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'member'; readonly at: number; readonly sizeBytes: number; readonly name: string }

const LOCAL_HEADER = 0x04034b50
const CENTRAL_HEADER = 0x02014b50
const ZIP64_END = 0x06064b50
const ZIP64_LOCATOR = 0x07064b50
const END = 0x06054b50
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const ZIP64_END_BYTES = 56
const LOCATOR_BYTES = 20
const END_BYTES = 22
/** 2.0 ZIP64 needs 4.5; names are UTF-8; no compression, so that any part of it can be asked for. */
const VERSION = 45
const UTF8_FLAG = 0x0800
const STORED = 0
/** 1 January 1980, 00:00: the same parts give the same file. */
const DOS_DATE = 0x0021
const ZIP64_TAG = 1
const MAX_32 = 0xffffffff
const MAX_16 = 0xffff
const MAX_MEMBERS = 1_000_000

/**
 * How a ZIP file of these members looks, whose bytes need not be there yet: stored one after another, the directory behind them
 * (PKWARE APPNOTE 6.3.10, with the ZIP64 members everywhere). Any range of the file can be made from it.
 */
export function layZip(members: readonly ZipMember[]): { stretches: readonly ZipStretch[]; sizeBytes: number } {
  const stretches: ZipStretch[] = []
  const directory: Uint8Array[] = []
  let at = 0
  const put = (bytes: Uint8Array) => {
    stretches.push({ kind: 'bytes', at, bytes })
    at += bytes.length
  }
  for (const member of members) {
    const offset = at
    put(localHeader(member))
    stretches.push({ kind: 'member', at, sizeBytes: member.sizeBytes, name: member.name })
    at += member.sizeBytes
    directory.push(centralHeader(member, offset))
  }
  const bytes = concatBytes(...directory)
  put(concatBytes(bytes, endRecords({ count: members.length, sizeBytes: bytes.length, at })))
  return { stretches, sizeBytes: at }
}

/**
 * Opens the ZIP file of a bundle. Throws a BundleError on anything that `layZip` does not write, gaps between members and two
 * accounts of one member among it: two programs must never see two contents.
 */
export async function openZip(source: BundleSource): Promise<BundleReader> {
  const directory = await readDirectory(source)
  const placed = new Map<string, { at: number; sizeBytes: number }>()
  let at = 0
  for (const member of directory.members) {
    const header = localHeader(member)
    const found = await read(source, at, at + header.length)
    if (!equalBytes(found, header)) throw malformed(`the header of ${member.name} is not what the directory says`)
    at += header.length
    placed.set(member.name, { at, sizeBytes: member.sizeBytes })
    at += member.sizeBytes
  }
  if (at !== directory.at) throw malformed('there are bytes between the members and the directory')
  return {
    names: [...placed.keys()],
    read: async function* (name, from = 0, to = Number.POSITIVE_INFINITY) {
      const place = placed.get(name)
      if (!place) throw new BundleError('file_missing', name, `${name} is not in the bundle`)
      const end = Math.min(to, place.sizeBytes)
      for (let position = from; position < end; position += PIECE) {
        const until = Math.min(end, position + PIECE)
        yield await read(source, place.at + position, place.at + until)
      }
    },
  }
}

const PIECE = 1_048_576

function localHeader({ name, sizeBytes, crc32 }: ZipMember): Uint8Array {
  const path = utf8Encode(name)
  const header = new DataView(new ArrayBuffer(LOCAL_BYTES))
  header.setUint32(0, LOCAL_HEADER, true)
  header.setUint16(4, VERSION, true)
  common(header, 6, crc32)
  header.setUint16(26, path.length, true)
  const extra = zip64Extra([sizeBytes, sizeBytes])
  header.setUint16(28, extra.length, true)
  return concatBytes(new Uint8Array(header.buffer), path, extra)
}

function centralHeader({ name, sizeBytes, crc32 }: ZipMember, offset: number): Uint8Array {
  const path = utf8Encode(name)
  const header = new DataView(new ArrayBuffer(CENTRAL_BYTES))
  header.setUint32(0, CENTRAL_HEADER, true)
  header.setUint16(4, VERSION, true)
  header.setUint16(6, VERSION, true)
  common(header, 8, crc32)
  header.setUint16(28, path.length, true)
  const extra = zip64Extra([sizeBytes, sizeBytes, offset])
  header.setUint16(30, extra.length, true)
  header.setUint32(42, MAX_32, true)
  return concatBytes(new Uint8Array(header.buffer), path, extra)
}

/** From the flags to the sizes, which stand in the ZIP64 member alone. */
function common(header: DataView, at: number, crc32: number): void {
  header.setUint16(at, UTF8_FLAG, true)
  header.setUint16(at + 2, STORED, true)
  header.setUint16(at + 6, DOS_DATE, true)
  header.setUint32(at + 8, crc32, true)
  header.setUint32(at + 12, MAX_32, true)
  header.setUint32(at + 16, MAX_32, true)
}

function zip64Extra(values: readonly number[]): Uint8Array {
  const extra = new DataView(new ArrayBuffer(4 + 8 * values.length))
  extra.setUint16(0, ZIP64_TAG, true)
  extra.setUint16(2, 8 * values.length, true)
  for (const [n, value] of values.entries()) extra.setBigUint64(4 + 8 * n, BigInt(value), true)
  return new Uint8Array(extra.buffer)
}

type Directory = { count: number; sizeBytes: number; at: number }

function endRecords({ count, sizeBytes, at }: Directory): Uint8Array {
  const zip64 = new DataView(new ArrayBuffer(ZIP64_END_BYTES))
  zip64.setUint32(0, ZIP64_END, true)
  zip64.setBigUint64(4, BigInt(ZIP64_END_BYTES - 12), true)
  zip64.setUint16(12, VERSION, true)
  zip64.setUint16(14, VERSION, true)
  zip64.setBigUint64(24, BigInt(count), true)
  zip64.setBigUint64(32, BigInt(count), true)
  zip64.setBigUint64(40, BigInt(sizeBytes), true)
  zip64.setBigUint64(48, BigInt(at), true)
  const locator = new DataView(new ArrayBuffer(LOCATOR_BYTES))
  locator.setUint32(0, ZIP64_LOCATOR, true)
  locator.setBigUint64(8, BigInt(at + sizeBytes), true)
  locator.setUint32(16, 1, true)
  const end = new DataView(new ArrayBuffer(END_BYTES))
  end.setUint32(0, END, true)
  end.setUint16(8, MAX_16, true)
  end.setUint16(10, MAX_16, true)
  end.setUint32(12, MAX_32, true)
  end.setUint32(16, MAX_32, true)
  return concatBytes(...[zip64, locator, end].map(({ buffer }) => new Uint8Array(buffer)))
}

const TAIL = ZIP64_END_BYTES + LOCATOR_BYTES + END_BYTES

async function readDirectory(source: BundleSource): Promise<{ members: ZipMember[]; at: number }> {
  const tailAt = source.sizeBytes - TAIL
  if (tailAt < 0) throw malformed('it is too short')
  const tail = await read(source, tailAt, source.sizeBytes)
  const view = new DataView(tail.buffer, tail.byteOffset)
  const [count, sizeBytes, at] = [24, 40, 48].map((place) => Number(view.getBigUint64(place, true)))
  const directory = { count: count ?? 0, sizeBytes: sizeBytes ?? 0, at: at ?? 0 }
  const isPlaced = directory.at + directory.sizeBytes === tailAt && directory.count <= MAX_MEMBERS
  if (!isPlaced || !equalBytes(endRecords(directory), tail))
    throw malformed('it does not end as one: it was cut off, packed anew, or something was added')
  const bytes = await read(source, directory.at, tailAt)
  return { members: readHeaders(bytes, directory.count), at: directory.at }
}

function readHeaders(bytes: Uint8Array, count: number): ZipMember[] {
  const members: ZipMember[] = []
  const names = new Set<string>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let offset = 0
  let at = 0
  for (let n = 0; n < count; n++) {
    if (at + CENTRAL_BYTES > bytes.length) throw malformed('its directory is cut off')
    const nameAt = at + CENTRAL_BYTES
    const extraAt = nameAt + view.getUint16(at + 28, true)
    const end = extraAt + 4 + 3 * 8
    if (end > bytes.length) throw malformed('its directory is cut off')
    const name = nameOf(bytes.subarray(nameAt, extraAt))
    const member = {
      name,
      sizeBytes: Number(view.getBigUint64(extraAt + 4, true)),
      crc32: view.getUint32(at + 16, true),
    }
    if (!Number.isSafeInteger(member.sizeBytes) || !equalBytes(centralHeader(member, offset), bytes.subarray(at, end)))
      throw malformed(`its directory says of ${name} what we do not write`)
    if (names.has(name)) throw malformed(`${name} is in it twice`)
    names.add(name)
    members.push(member)
    offset += localHeader(member).length + member.sizeBytes
    at = end
  }
  if (at !== bytes.length) throw malformed('its directory has more than it counts')
  return members
}

function nameOf(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes)
  } catch (cause) {
    throw malformed('a name is not UTF-8', cause)
  }
}

async function read(source: BundleSource, from: number, to: number): Promise<Uint8Array> {
  if (from < 0 || to > source.sizeBytes) throw malformed('it is cut off')
  const bytes = await source.read(from, to)
  if (bytes.length !== to - from) throw malformed('it is cut off')
  return bytes
}

function malformed(reason: string, cause?: unknown): BundleError {
  return new BundleError('bundle_malformed', undefined, `not the ZIP file of a bundle: ${reason}`, { cause })
}
