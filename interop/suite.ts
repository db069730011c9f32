import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Instance, startInstance } from '../e2e/support/instance.ts'
import { Checks } from './checks.ts'
import { Missing } from './tools.ts'

type Suite<Tool> = {
  name: string
  /** Of the product. */
  env?: Record<string, string>
  /** @throws Missing */
  tool: () => Promise<Tool>
  run: (here: { checks: Checks; tool: Tool; instance: Instance; folder: string }) => Promise<void>
}

/** Runs a suite with its tool, a product of its own and an empty folder; without the tool everything is skipped. */
export async function runSuite<Tool>({ name, env = {}, tool, run }: Suite<Tool>): Promise<void> {
  const checks = new Checks(name)
  try {
    const made = await tool()
    const instance = await startInstance({ env })
    const folder = mkdtempSync(join(tmpdir(), `gatehouse-interop-${name}-`))
    try {
      await run({ checks, tool: made, instance, folder })
    } finally {
      rmSync(folder, { recursive: true, force: true })
      await instance.stop()
    }
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    checks.skip('everything', error.message)
  }
  checks.end()
}
