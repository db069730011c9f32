import 'server-only'
import { directoryStore } from './directory.ts'
import { archiveRoots } from './engine/client.ts'

/** A file of the archive as it was made. `sha256` is hex. */
export type ArchivedFile = { name: string; bytes: number; sha256: string }

/** Where the archive's files are kept. What fails is an AppError unavailable that names the file. */
export type ArchiveStore = {
  /**
   * Takes a file of this machine under its name and returns when it is kept for good; the local file is gone then. Repeated, it
   * replaces what has the name.
   */
  put(file: ArchivedFile, localPath: string): Promise<void>
  /** The path of a local copy, for the engine to read at once: of one that is kept elsewhere it may be gone minutes later. */
  local(file: ArchivedFile): Promise<string>
  /** Does nothing where there is no such file. */
  remove(name: string): Promise<void>
}

/** The store of this instance: its data directory. */
export function archiveStore(): ArchiveStore {
  return directoryStore(archiveRoots().files)
}
