import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Env } from './env.ts'

const fileIn = (dataDir: string) => join(dataDir, 'gateway-url')

/** Keeps the gateway's public address in the data directory, for commands that are run without the instance's settings. */
export function rememberGatewayUrl({ dataDir, gatewayUrl }: Pick<Env, 'dataDir' | 'gatewayUrl'>): void {
  if (rememberedIn(dataDir) === gatewayUrl) return
  // Written beside and renamed: dying here leaves the old address or the new one.
  const beside = `${fileIn(dataDir)}.${process.pid}.new`
  writeFileSync(beside, `${gatewayUrl}\n`)
  renameSync(beside, fileIn(dataDir))
}

/**
 * The gateway's public address as a command of the server's own machine knows it: GATEHOUSE_GATEWAY_URL where that is set, else
 * what the instance of this data directory last ran with, else the default of a first start.
 */
export function knownGatewayUrl(
  { dataDir, gatewayUrl }: Pick<Env, 'dataDir' | 'gatewayUrl'>,
  source: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return source.GATEHOUSE_GATEWAY_URL ? gatewayUrl : (rememberedIn(dataDir) ?? gatewayUrl)
}

function rememberedIn(dataDir: string): string | null {
  try {
    return readFileSync(fileIn(dataDir), 'utf8').trim() || null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
