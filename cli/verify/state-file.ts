import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { NoteError } from '#protocol/audit/note.ts'
import { type KnownCheckpoint, readKnownCheckpoints } from '#protocol/audit/verify-known.ts'
import { decodeMemory, encodeMemory, type LogMemory } from '#protocol/audit/verify-memory.ts'
import { SourceError } from './source.ts'

/** What an earlier run remembered; undefined before the first. @throws SourceError when the file is not whole */
export function readState(file: string): LogMemory | undefined {
  if (!existsSync(file)) return undefined
  return named('--state', file, () => decodeMemory(readFileSync(file)))
}

/** Replaces the file at once or not at all. */
export function writeState(file: string, memory: LogMemory): void {
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, encodeMemory(memory), { flush: true })
    renameSync(draft, file)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** The checkpoints in a file that somebody kept. @throws SourceError when there is none */
export function readAgainst(file: string): KnownCheckpoint[] {
  if (!existsSync(file)) throw new SourceError(`--against: there is no file ${file}`)
  return named('--against', file, () => readKnownCheckpoints(readFileSync(file, 'utf8')))
}

function named<T>(option: string, file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof NoteError) throw new SourceError(`${option}: ${file}: ${error.message}`)
    throw error
  }
}
