import 'server-only'
import { z } from 'zod'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { type ImportMappingInput, importMapping, importName, type MappingView } from './mapping.ts'

type Row = { name: string; document: ImportMappingInput; updatedAt: Date | string; updatedBy: string }

const ROW = `SELECT name, document, updated_at AS "updatedAt", updated_by AS "updatedBy" FROM audit_mapping WHERE tenant_id = $1::uuid`
/** More than any organisation has sources of history. */
const MAX_MAPPINGS = 200

/** Saves a mapping under its name, in place of one that had it. Audit: `audit.mapping.save`. @throws AppError invalid · conflict above 200 */
export const saveMapping = defineCommand({
  action: 'audit.mapping.save',
  permission: 'audit:write',
  risk: 'reversible',
  input: z.object({ document: importMapping }),
  target: ({ document: { name } }) => ({ type: 'mapping', id: name }),
  execute: async ({ sql, tenantId, actor, input: { document }, now }) => {
    const { name } = document
    // One at a time: the count is of what is there when we write.
    await sql(`SELECT pg_advisory_xact_lock(hashtextextended('audit_mapping:' || $1::text, 0))::text AS locked`, [
      tenantId,
    ])
    const [others] = await sql<{ count: number }>(
      'SELECT count(*)::integer AS count FROM audit_mapping WHERE tenant_id = $1::uuid AND name <> $2::text',
      [tenantId, name],
    )
    if ((others?.count ?? 0) >= MAX_MAPPINGS)
      throw new AppError('conflict', { detail: `There are ${MAX_MAPPINGS} mappings already: delete one first.` })
    await sql(
      `INSERT INTO audit_mapping (tenant_id, name, document, updated_by, updated_at) VALUES ($1::uuid, $2::text, $3::text::jsonb, $4::text, $5::text::timestamptz)
       ON CONFLICT (tenant_id, name) DO UPDATE SET document = excluded.document, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
      [tenantId, name, JSON.stringify(document), nameOf(actor), now.toISOString()],
    )
    const audit = {
      action: 'audit.mapping.save' as const,
      target: { type: 'mapping', id: name, name },
      detail: { document: JSON.stringify(document).slice(0, 20_000) },
    }
    return { result: { name }, audit }
  },
})

function nameOf(actor: { kind: string } & ({ name: string } | { deviceName: string })): string {
  return 'name' in actor ? actor.name : actor.deviceName
}

/** Forgets a mapping; what was imported by it stays. Audit: `audit.mapping.delete`. @throws AppError not_found */
export const deleteMapping = defineCommand({
  action: 'audit.mapping.delete',
  permission: 'audit:write',
  risk: 'reversible',
  input: z.object({ name: importName }),
  target: ({ name }) => ({ type: 'mapping', id: name }),
  execute: async ({ sql, tenantId, input: { name } }) => {
    const gone = await sql('DELETE FROM audit_mapping WHERE tenant_id = $1::uuid AND name = $2::text RETURNING name', [
      tenantId,
      name,
    ])
    if (gone.length === 0) throw notFound()
    return { result: null, audit: { action: 'audit.mapping.delete', target: { type: 'mapping', id: name, name } } }
  },
})

/** Every saved mapping by name; at most 200. */
export const listMappings = defineQuery({
  name: 'audit.mapping.list',
  permission: 'audit:write',
  input: z.object({}),
  run: async ({ sql, tenantId }): Promise<MappingView[]> =>
    (await sql<Row>(`${ROW} ORDER BY name`, [tenantId])).map(toView),
})

/** One saved mapping by its name. @throws AppError not_found */
export const getMapping = defineQuery({
  name: 'audit.mapping.get',
  permission: 'audit:write',
  input: z.object({ name: importName }),
  run: async ({ sql, tenantId, input: { name } }): Promise<MappingView> => {
    const [row] = await sql<Row>(`${ROW} AND name = $2::text`, [tenantId, name])
    if (!row) throw notFound()
    return toView(row)
  },
})

function toView({ updatedAt, ...row }: Row): MappingView {
  return { ...row, updatedAt: new Date(updatedAt).toISOString() }
}

function notFound(): AppError {
  return new AppError('not_found', { detail: 'There is no mapping of that name.' })
}
