import { concatBytes } from '#lib/bytes.ts'
import { sha256 } from './sha256.ts'

/** SHA-256 of bytes that come in pieces. Outside of Node it keeps them until the end. */
export type Sha256Stream = { update(bytes: Uint8Array): void; digest(): Uint8Array }

const nodeCrypto = typeof process === 'object' ? process.getBuiltinModule?.('node:crypto') : undefined

/** A new hash. */
export function sha256Stream(): Sha256Stream {
  return nodeCrypto?.createHash === undefined ? keepingPieces() : nodeCrypto.createHash('sha256')
}

function keepingPieces(): Sha256Stream {
  const pieces: Uint8Array[] = []
  return {
    update: (bytes) => {
      pieces.push(bytes.slice())
    },
    digest: () => sha256(concatBytes(...pieces)),
  }
}
