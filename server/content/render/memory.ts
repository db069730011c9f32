import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Bytes of memory that a process holds now; 0 when it is gone or nobody says. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    if (process.platform === 'linux')
      return kilobytes(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1])
    return kilobytes((await run('ps', ['-o', 'rss=', '-p', String(pid)])).stdout.trim())
  } catch {
    return 0
  }
}

function kilobytes(text: string | undefined): number {
  return Number(text ?? 0) * 1024
}
