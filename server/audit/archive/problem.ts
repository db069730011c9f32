import 'server-only'

/**
 * Why days stay where they are. `altered`: an entry is not the one that the log published · `damaged`: the file is not what was
 * written · `changed`: entries were purged or erased, or the rule was changed, since it was written · `contradicted`: the database
 * holds something else than what is recorded · `unsigned`: the log is not the one that was signed · `unavailable`: a file could not be
 * written or read.
 */
export const ARCHIVE_PROBLEMS = ['altered', 'damaged', 'changed', 'contradicted', 'unsigned', 'unavailable'] as const
/** One of `ARCHIVE_PROBLEMS`. */
export type ArchiveProblem = (typeof ARCHIVE_PROBLEMS)[number]

/** A file that must not stand for its entries. */
export class ColdFileProblem extends Error {
  readonly problem: ArchiveProblem
  readonly index: number | null
  constructor(problem: ArchiveProblem, index: number | null = null, options?: ErrorOptions) {
    super(index === null ? `the archive: ${problem}` : `the archive: entry ${index} is ${problem}`, options)
    this.problem = problem
    this.index = index
  }
}
