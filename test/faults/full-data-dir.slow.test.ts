import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const TENANT = '01a20780-a60b-7283-ac7d-4b626435edcd'

type Written = { written: number; code: string; file: (path: string) => string }

/** Runs `write` with 1, 2, 3 … until it fails, where a file may have 8 blocks: the write that crosses them takes a part, as one on a nearly full disk does. */
function untilFull(write: string, check: (written: Written) => void): void {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-full-'))
  const script = `
    let written = 0
    try { for (;;) { ${write}; written++ } } catch (error) { console.log(JSON.stringify({ written, code: error.code })) }`
  try {
    const node = [process.execPath, '--conditions=react-server', '--disable-warning=ExperimentalWarning']
    const command = [...node, '--input-type=module', '-e', script]
    const { stdout } = spawnSync('/bin/sh', ['-c', 'ulimit -f 8 && exec "$@"', 'sh', ...command], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        GATEHOUSE_DATA_DIR: dataDir,
        DATABASE_URL: 'postgresql://localhost/none',
      },
    })
    const said = JSON.parse(stdout) as { written: number; code: string }
    check({ ...said, file: (path) => readFileSync(join(dataDir, path), 'utf8') })
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1)

it('a checkpoint that finds no room for its end is not taken for published', () => {
  const publish = `(await import('#server/audit/published.ts')).publish('${TENANT}', 1,
    { size: written + 1, note: 'n'.repeat(150), signedAt: '2026-11-23T00:00:00.000Z' })`
  untilFull(publish, ({ written, code, file }) => {
    expect(code).toBe('EFBIG')
    const lines = file(`checkpoints/${TENANT}.log`).split('\n')
    expect(lines.slice(0, written).map((line) => JSON.parse(line).size)).toEqual(numbers(written))
  })
})

it('nor is what was destroyed taken for written down', () => {
  const record = `(await import('#server/kernel/destroyed-list.ts')).recordDestroyed('shares', '${TENANT}',
    ['00000000-0000-7000-8000-' + String(written + 1).padStart(12, '0')])`
  untilFull(record, ({ written, code, file }) => {
    expect(code).toBe('EFBIG')
    const ids = file(`checkpoints/destroyed-${TENANT}`).match(/[0-9a-f-]{36}/g) ?? []
    expect(ids.map((id) => Number(id.slice(-12)))).toEqual(numbers(written))
  })
})
