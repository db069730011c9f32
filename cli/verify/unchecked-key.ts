import { keyFingerprint } from '#protocol/audit/note.ts'

/** Where a key came from that nobody gave: from the very thing that it is to prove. */
export type KeySource = 'bundle' | 'log'

const CAME = {
  bundle: 'it came in this very file, and whoever made the file may have made the key as well',
  log: 'the log itself served it, and whoever made another log may have made another key',
}

/** Everything holds, but whose key it is was not checked: what to compare, and `warning` says so in words. */
export type UncheckedKey = { vkey: string; fingerprint: string; warning: string }

/** What is to be said of a key that nobody gave. */
export function uncheckedKey(from: KeySource, vkey: string): UncheckedKey {
  const fingerprint = `SHA256:${keyFingerprint(vkey)}`
  const warning = `Everything above holds, but NOT whose key it is: ${CAME[from]}.

  key          ${vkey}
  fingerprint  ${fingerprint}

Compare one of them with what you have from somebody you trust, not from where this came from: the organisation's Trust page
shows both, every mailed checkpoint has the key, and so has whoever wrote it down earlier. Or run this again with --key 'KEY'.`
  return { vkey, fingerprint, warning }
}
