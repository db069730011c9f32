import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { generatePrismaSchema } from '../prisma/generate-schema.ts'
import { useDatabase } from './harness.ts'

const db = useDatabase()

it('the Prisma schema is what the migrations make', async () => {
  for (const [name, text] of await generatePrismaSchema(db.adminUrl)) {
    const committed = readFileSync(fileURLToPath(new URL(`../prisma/schema/${name}`, import.meta.url)), 'utf8')
    expect(committed, `prisma/schema/${name}: run prisma/generate-schema.ts`).toBe(text)
  }
})
