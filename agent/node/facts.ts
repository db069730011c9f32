import { readFileSync } from 'node:fs'
import { hostname, release } from 'node:os'
import { AgentError } from '#agent/core/errors.ts'
import { type DeviceFacts, factsSchema } from '#protocol/device/messages.ts'
import { PLATFORMS, type Platform } from '#protocol/policy/platforms.ts'
import packageJson from '../../package.json' with { type: 'json' }

const OWN_PLATFORMS: Partial<Record<NodeJS.Platform, Platform>> = {
  linux: 'linux',
  darwin: 'macos',
  win32: 'windows',
  android: 'android',
}

/** This machine's platform, or undefined where no name fits. */
function ownPlatform(): Platform | undefined {
  return OWN_PLATFORMS[process.platform]
}

function linuxName(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8')
    return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1] ?? release()
  } catch {
    return release()
  }
}

/** The machine's version counts only for the machine's own platform: nothing is known of any other. */
function osVersionOf(platform: Platform): string {
  if (platform !== ownPlatform()) return 'unknown'
  if (platform === 'linux') return linuxName()
  return platform === 'macos' ? `Darwin ${release()}` : release()
}

export type FactOptions = {
  name?: string
  platform?: string
  osVersion?: string
  appVersion?: string
  serial?: string
  preventCapture?: boolean
}

function platformOf(given: string | undefined): Platform {
  const platform = given === undefined ? ownPlatform() : PLATFORMS.find((known) => known === given)
  if (platform) return platform
  throw new AgentError('usage', `--platform must be one of ${PLATFORMS.join(', ')}.`)
}

/** The device's facts from the command line, with what the machine says for the rest. Throws `usage` naming the field. */
export function factsFrom(options: FactOptions): DeviceFacts {
  const platform = platformOf(options.platform)
  const parsed = factsSchema.safeParse({
    name: options.name ?? hostname(),
    platform,
    osVersion: options.osVersion ?? osVersionOf(platform),
    appVersion: options.appVersion ?? packageJson.version,
    ...(options.serial === undefined ? {} : { serial: options.serial }),
    capabilities: {
      eraseVault: true,
      eraseDevice: false,
      lock: true,
      detectCapture: true,
      preventCapture: options.preventCapture ?? false,
      keyStore: 'file',
    },
  })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AgentError('usage', `${issue?.path.join('.')}: ${issue?.message}`)
}

/** Which facts the command line gave; the others follow the machine. */
export function givenFacts(options: FactOptions): string[] {
  const names = ['osVersion', 'appVersion'] as const
  return names.filter((name) => options[name] !== undefined)
}

/** The facts as they are now: an updated system or app shows at the next check-in. */
export function currentFacts(
  facts: DeviceFacts,
  given: readonly string[],
  appVersion: string | undefined,
): DeviceFacts {
  return {
    ...facts,
    ...(given.includes('osVersion') ? {} : { osVersion: osVersionOf(facts.platform) }),
    ...(given.includes('appVersion') ? {} : { appVersion: packageJson.version }),
    ...(appVersion === undefined ? {} : { appVersion }),
  }
}
