import { keyFingerprint } from '#protocol/audit/note.ts'

/** Where a key came from that nobody gave: from the very thing that it is to prove. */
export type KeySource = 'bundle' | 'log'

const CAME = {
  bundle: 'it came in this very file, and whoever made the file may have made the key as well',
  log: 'the log itself served it, and whoever made another log may have made another key',
}

/** The program's exit code where everything holds under a key that was not checked. */
export const UNCHECKED_KEY = 2

/** Everything holds, but whose key it is was not checked. Says so, and what to compare. */
export class UncheckedKey extends Error {
  override name = 'UncheckedKey'
  readonly vkey: string
  readonly fingerprint: string

  constructor(from: KeySource, vkey: string) {
    const fingerprint = `SHA256:${keyFingerprint(vkey)}`
    super(`Everything above holds, but NOT whose key it is: ${CAME[from]}.

  key          ${vkey}
  fingerprint  ${fingerprint}

Compare one of them with what you have from somebody you trust, not from where this came from: the organisation's Trust page
shows both, every mailed checkpoint has the key, and so has whoever wrote it down earlier. Then run this again with
--key 'KEY'. Until then this program ends with exit code ${UNCHECKED_KEY}, not 0.`)
    this.vkey = vkey
    this.fingerprint = fingerprint
  }
}
