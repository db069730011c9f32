/** `verify.txt`: for whoever is handed a bundle and has never heard of it. */
export const HOW_TO_VERIFY = `This file is a sealed bundle of an audit log.

What is in it
  parts/          the events, as a person or a program reads them
  leaves, proof   lead from each event to the root of the signed log
  checkpoint      the log's head as it was signed: which log, how many entries, which root
  manifest.json   what was asked for, how many events, and the SHA-256 of every file
  manifest.note   the seal: the log's own key signs the manifest

How to verify it
  1. Get the log's public key from somebody you trust, not from this file. The organisation shows it on its
     Trust page, and its gateway at /log/ORGANISATION/key. It looks like NAME+1234abcd+A...
  2. Run, on any computer, without the server that made it:

       npx gatehouse verify THIS-FILE.zip --key 'KEY'

     It exits with 0 only when everything holds. Otherwise it names the first event or file that is wrong.
     Without --key it can only take the key in this file, which whoever made the file could have made as well:
     it then says so and shows the key's fingerprint to compare.

What it shows
  Every event is word for word one that the log had recorded when the checkpoint was signed; no cell, no name and
  no time was changed since, none was added to the parts, and none of those sealed was taken away.

What it does not show
  That the search asked for everything you care about: the question stands in manifest.json under "about". That the
  log itself recorded everything that happened. That the organisation's key was not misused before the checkpoint
  was seen by somebody else: compare it with a checkpoint kept elsewhere.

Values of people may have been erased since (privacy): then the event stands without them, and its proof still holds.
Where "masked" is true in manifest.json, names are pseudonyms and entries are left out: then only that the events
stand in the log is shown, not what the cells say.

The format is written down to the byte in docs/reference/export-bundle.md of Gatehouse.
`
