import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { concatBytes, hexEncode, utf8Encode } from '#lib/bytes.ts'
import { cosignedText } from '#protocol/audit/checkpoint.ts'
import { appendLeaves, emptyTree, leafHash } from '#protocol/audit/merkle.ts'
import { addSignature, formatVkey, keyIdOf, parseNote, SIGNATURE_TYPES } from '#protocol/audit/note.ts'
import { signPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { encodeTreeState } from '#protocol/audit/tree-state.ts'
import { signHead } from '#server/audit/checkpoints.ts'
import { readSigner } from '#server/audit/log-key.ts'
import { getLogFile, getTlogProof, getTrust } from '#server/audit/queries.ts'
import { requestExport } from '#server/exports/commands.ts'
import { openExport } from '#server/exports/queries.ts'
import { runExport } from '#server/exports/run-export.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { runProgram } from '../program.ts'
import { type LogSource, openFolder } from './source.ts'
import { readAgainst, readState, writeState } from './state-file.ts'
import { verifyFile } from './verify-file.ts'
import { verifySource } from './verify-source.ts'

const db = useDatabase()
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))

/** A signed log of 600 entries, its owner and its key. */
async function makeLog() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: 598 }, (_, n) => ({ action: 'file.view' as const, words: `number ${n}` })),
  }))
  await signHead(tenantId)
  const signer = await readSigner(tenantId)
  if (!signer) throw new Error('the log has no key')
  // What the gateway serves, without its TLS.
  const source: LogSource = {
    isWhole: true,
    read: async (path) => {
      try {
        return (await getLogFile(owner, { path })).body
      } catch (error) {
        if (isAppError(error) && (error.code === 'not_found' || error.code === 'gone')) return null
        throw error
      }
    },
  }
  return { tenantId, owner, signer, vkey: signer.vkey, source }
}

async function tamper(tenantId: string, statement: string): Promise<void> {
  const client = await db.superuser.connect()
  await client.query('SET session_replication_role = replica')
  expect((await client.query(statement, [tenantId])).rowCount).toBeGreaterThan(0)
  client.release(true)
}

async function leavesOf(tenantId: string): Promise<Uint8Array[]> {
  const { rows } = await db.superuser.query<{ entry: string }>(
    'SELECT entry FROM audit_entry WHERE tenant_id = $1 ORDER BY index',
    [tenantId],
  )
  return rows.map(({ entry }) => leafHash(utf8Encode(entry)))
}

async function makeWitness(name: string) {
  const { publicKey: key, privateKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', key))
  const keyId = keyIdOf(name, SIGNATURE_TYPES.cosignature, publicKey)
  const seconds = 1_800_000_000
  const cosign = async (note: string) => {
    const message = utf8Encode(cosignedText(seconds, parseNote(note).text))
    const time = new Uint8Array(8)
    new DataView(time.buffer).setBigUint64(0, BigInt(seconds))
    const signature = concatBytes(time, new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message)))
    return utf8Encode(addSignature(note, { name, keyId, signature }))
  }
  return { vkey: formatVkey({ name, keyId, type: SIGNATURE_TYPES.cosignature, publicKey }), cosign }
}

function keep(name: string, bytes: string | Uint8Array): string {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

describe('a log as it is served', () => {
  it('holds, is remembered, and names what was removed, altered or withheld since', async () => {
    const { tenantId, vkey, source } = await makeLog()
    const first = await verifySource(source, { vkey, rememberAt: new Date() })
    expect(first).toMatchObject({ size: 600, unchecked: null, verdict: { ok: true } })
    const state = join(folder, `${tenantId}.verified`)
    if (first.verdict.ok && first.verdict.memory) writeState(state, first.verdict.memory)
    const memory = readState(state)
    expect(memory?.size).toBe(600)
    expect((await verifySource(source, { memory })).verdict).toMatchObject({ ok: true })

    await tamper(tenantId, 'DELETE FROM audit_entry WHERE tenant_id = $1 AND index IN (123, 124, 599)')
    const removed = await verifySource(source, { vkey, memory })
    expect(removed.verdict).toMatchObject({ ok: false, code: 'entry_removed', index: 123, until: 124 })
    expect(removed.verdict.ok || removed.verdict.problems).toMatchObject([{ index: 123 }, { index: 599 }])

    await tamper(tenantId, 'DELETE FROM audit_tile WHERE tenant_id = $1')
    const { verdict } = await verifySource(source, { vkey })
    expect(verdict.ok || verdict.problems.map(({ code, index }) => [code, index])).toContainEqual(['tile_altered', 0])
  })

  it('names where it was cut, also when the head went back with the entries', async () => {
    const { tenantId, vkey, source } = await makeLog()
    // Reading the log is an event, too, once in ten minutes.
    await source.read('tile/entries/000')
    const shorter = appendLeaves(emptyTree(), (await leavesOf(tenantId)).slice(0, 300)).state
    await tamper(tenantId, 'DELETE FROM audit_entry WHERE tenant_id = $1 AND index >= 300')
    await tamper(tenantId, 'DELETE FROM audit_tile WHERE tenant_id = $1 AND number > 0')
    await tamper(
      tenantId,
      `UPDATE audit_head SET size = 300, tree = '\\x${hexEncode(encodeTreeState(shorter))}' WHERE tenant_id = $1`,
    )
    const { verdict } = await verifySource(source, { vkey })
    expect(verdict).toMatchObject({ ok: false, code: 'tail_cut', index: 300, until: 599 })
    expect(verdict.ok || verdict.problems).toHaveLength(1)
  })

  it('says which witnesses cosigned it, and which did not', async () => {
    const { vkey, source } = await makeLog()
    const note = Buffer.from((await source.read('checkpoint')) ?? []).toString()
    const witness = await makeWitness('w.example')
    const seen = {
      ...source,
      read: (path: string) => (path === 'checkpoint' ? witness.cosign(note) : source.read(path)),
    }
    expect(await verifySource(seen, { vkey, witnesses: [witness.vkey] })).toMatchObject({
      cosigned: [{ witness: 'w.example', at: '2027-01-15T08:00:00.000Z' }],
    })
    await expect(verifySource(source, { vkey, witnesses: [witness.vkey] })).rejects.toThrow('not cosigned by w.example')
    await expect(verifySource(seen, { vkey, witnesses: [vkey] })).rejects.toThrow("not a witness's")
  })

  it('a state file that is no such, a file without checkpoints', async () => {
    expect(readState(join(folder, 'none'))).toBeUndefined()
    expect(() => readState(keep('torn', 'x'))).toThrow('--state')
    expect(() => readAgainst(join(folder, 'none'))).toThrow('there is no file')
    expect(() => readAgainst(keep('letter', 'Dear Sir\n'))).toThrow('--against')
  })

  it('a kept checkpoint that was touched: it is named, and not the log’s own', async () => {
    const { vkey, source } = await makeLog()
    const touched = Buffer.from((await source.read('checkpoint')) ?? [])
      .toString()
      .replace('\n600\n', '\n599\n')
    const { verdict } = await verifySource(source, { vkey, against: [{ note: touched }] })
    expect(verdict).toMatchObject({ ok: false, reason: expect.stringContaining('the kept checkpoint of 599 entries') })
  })

  it('a bundle that was unpacked is no log that lost its entries', () => {
    const unpacked = mkdtempSync(join(folder, 'unpacked-'))
    writeFileSync(join(unpacked, 'manifest.note'), 'a seal')
    expect(() => openFolder(unpacked)).toThrow('verify the ZIP file itself')
  })
})

describe('one file', () => {
  it('a proof: of this entry, with this key', async () => {
    const { tenantId, owner, vkey } = await makeLog()
    const eventId = (await readLog(db, tenantId))[7]?.entry.id ?? ''
    const { text } = await getTlogProof(owner, { eventId })
    const file = keep('one.tlog-proof', text)
    expect(await verifyFile(file, vkey)).toMatchObject({ ok: true, answer: { kind: 'proof', index: 7, size: 600 } })
    await expect(verifyFile(file, undefined)).rejects.toThrow('--key is required')
    const other = await makeLog()
    expect(await verifyFile(file, other.vkey)).toMatchObject({ ok: false, code: 'proof_invalid' })
    expect(await verifyFile(keep('moved.tlog-proof', text.replace('index 7', 'index 8')), vkey)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('not number 8'),
    })
  })

  it('a sealed bundle, and the same with one byte changed', async () => {
    const { tenantId, owner, vkey } = await makeLog()
    const { id } = await requestExport(owner, { q: 'action:file.view', format: 'csv', timeZone: 'UTC' })
    await runExport(tenantId, id)
    const pieces: Uint8Array[] = []
    for await (const piece of (await openExport(owner, id)).read()) pieces.push(piece)
    const bytes = Buffer.concat(pieces)
    expect(await verifyFile(keep('export.zip', bytes), vkey)).toMatchObject({
      ok: true,
      answer: { kind: 'export', events: 598, personalChecked: 598 },
      unchecked: null,
    })
    const spoilt = Buffer.from(bytes)
    const at = spoilt.indexOf('number 41')
    spoilt[at] = (spoilt[at] ?? 0) ^ 1
    expect(await verifyFile(keep('spoilt.zip', spoilt), vkey)).toMatchObject({ ok: false, code: expect.any(String) })
    expect(await verifyFile(keep('cut.zip', bytes.subarray(0, 5_000)), vkey)).toMatchObject({ ok: false })
  })

  it('a bundle by the key that it brings: it holds, and whose key it is was not checked', async () => {
    const { tenantId, owner, vkey, source } = await makeLog()
    const { id } = await requestExport(owner, { q: 'action:file.view', format: 'csv', timeZone: 'UTC' })
    await runExport(tenantId, id)
    const pieces: Uint8Array[] = []
    for await (const piece of (await openExport(owner, id)).read()) pieces.push(piece)
    const file = keep('alone.zip', Buffer.concat(pieces))
    const { fingerprint } = await getTrust(owner, {})
    const unchecked = { vkey, fingerprint: `SHA256:${fingerprint}`, warning: expect.stringContaining('NOT whose key') }
    expect(await verifyFile(file, undefined)).toMatchObject({ ok: true, unchecked })
    expect(await verifySource(source, {})).toMatchObject({ verdict: { ok: true }, unchecked })
    // As a program sees it.
    const run = async (...options: string[]) => {
      const [said, warned] = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
      for (const spy of [said, warned]) spy.mockReturnValue(true)
      const code = await runProgram(['node', 'gatehouse', 'verify', file, '--json', ...options])
      const written = [said, warned].map(({ mock }) => mock.calls.map(([text]) => String(text)).join(''))
      for (const spy of [said, warned]) spy.mockRestore()
      return { code, answer: JSON.parse(written[0] ?? ''), warning: written[1] }
    }
    const alone = await run()
    expect(alone).toMatchObject({ code: 0, answer: { ok: true, isKeyServed: true, vkey, warning: expect.any(String) } })
    expect(alone.warning).toContain(`SHA256:${fingerprint}`)
    expect(await run('--key', vkey)).toMatchObject({ code: 0, answer: { ok: true, isKeyServed: false }, warning: '' })
  })

  it('a purge certificate', async () => {
    const { tenantId, signer, vkey, source } = await makeLog()
    const checkpoint = Buffer.from((await source.read('checkpoint')) ?? []).toString()
    const certificate = await signPurgeCertificate(
      {
        id: tenantId,
        tenantId,
        origin: signer.name,
        class: 'activity',
        removed: [{ from: 10, to: 20 }],
        count: 10,
        firstRecordedAt: '2026-01-01T00:00:00.000Z',
        lastRecordedAt: '2026-01-02T00:00:00.000Z',
        leaves: Buffer.alloc(32).toString('base64'),
        retentionDays: 30,
        holds: [],
        certifiedAt: '2026-11-23T00:00:00.000Z',
        checkpoint,
      },
      signer,
    )
    expect(await verifyFile(keep('purge', certificate), vkey)).toMatchObject({ ok: true, answer: { events: 10 } })
    const forged = certificate.replace('"retentionDays":30', '"retentionDays":31')
    expect(await verifyFile(keep('forged', forged), vkey)).toMatchObject({ ok: false, code: 'proof_invalid' })
  })

  it('anything else is refused by name', async () => {
    await expect(verifyFile(keep('letter', 'Dear Sir\n'), undefined)).rejects.toThrow('letter is neither')
    await expect(verifyFile(keep('bytes', Uint8Array.of(0xff, 0xfe)), undefined)).rejects.toThrow('bytes is neither')
  })
})
