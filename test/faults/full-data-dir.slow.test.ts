import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const TENANT = '01a20780-a60b-7283-ac7d-4b626435edcd'
/** Publishes until that fails, and says how many were said to be on the disk. */
const UNTIL_FULL = `
  const { publish } = await import('#server/audit/published.ts')
  let published = 0
  try {
    for (;;) {
      publish('${TENANT}', 1, { size: published + 1, note: 'n'.repeat(150), signedAt: '2026-11-23T00:00:00.000Z' })
      published++
    }
  } catch (error) {
    console.log(JSON.stringify({ published, code: error.code }))
  }`

it('a checkpoint that finds no room for its end is not taken for published', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-full-'))
  try {
    // A file may have 8 blocks: the write that crosses them takes a part, as one on a nearly full disk does.
    const node = [
      process.execPath,
      '--conditions=react-server',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
    ]
    const { stdout } = spawnSync('/bin/sh', ['-c', 'ulimit -f 8 && exec "$@"', 'sh', ...node, '-e', UNTIL_FULL], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        GATEHOUSE_DATA_DIR: dataDir,
        DATABASE_URL: 'postgresql://localhost/none',
      },
    })
    const { published, code } = JSON.parse(stdout) as { published: number; code: string }
    expect(code).toBe('EFBIG')
    const lines = readFileSync(join(dataDir, 'checkpoints', `${TENANT}.log`), 'utf8').split('\n')
    expect(lines.slice(0, published).map((line) => JSON.parse(line).size)).toEqual(
      Array.from({ length: published }, (_, n) => n + 1),
    )
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
