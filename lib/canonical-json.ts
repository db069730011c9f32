/** What JSON can hold; an absent member may be written as undefined. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
/** A JSON object; undefined members count as absent. */
export type JsonObject = { readonly [name: string]: JsonValue | undefined }

/**
 * The RFC 8785 canonical text of `value`: members sorted by UTF-16 code units, no white space, ECMAScript numbers.
 * Undefined members are left out. Throws a TypeError naming the place on lone surrogates, non-finite numbers and whatever
 * JSON cannot hold, so that no two programs sign different bytes for one value.
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, '$')
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** Whether a text needs no escape in JSON and is its own normal form. */
export function isPlainText(text: string): boolean {
  return PLAIN.test(text)
}

/** A text as it stands in canonical JSON. Lone surrogates are the caller's to refuse. */
export function jsonText(text: string): string {
  return isPlainText(text) ? `"${text}"` : JSON.stringify(text)
}

function write(value: unknown, path: string): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${path}: a number must be finite`)
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? writeArray(value, path) : writeObject(value, path)
    default:
      throw new TypeError(`${path}: JSON cannot hold a ${typeof value}`)
  }
}

function writeString(value: string, path: string): string {
  if (!value.isWellFormed()) throw new TypeError(`${path}: the text holds a lone surrogate`)
  return jsonText(value)
}

function writeArray(value: readonly unknown[], path: string): string {
  // Not map(): it skips holes, and a hole is no JSON.
  return `[${Array.from(value, (item, index) => write(item, `${path}[${index}]`)).join(',')}]`
}

function writeObject(value: object, path: string): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError(`${path}: not a plain object`)
  const members: string[] = []
  // The default sort compares UTF-16 code units, which is what RFC 8785 section 3.2.3 asks for.
  for (const name of Object.keys(value).sort()) {
    const member: unknown = Reflect.get(value, name)
    if (member === undefined) continue
    members.push(`${writeString(name, path)}:${write(member, `${path}.${name}`)}`)
  }
  return `{${members.join(',')}}`
}
