import type { DeviceFacts } from '#protocol/device/messages.ts'

/** What of `navigator` is read; `userAgentData` is Chromium's. */
export type NavigatorFacts = {
  userAgent: string
  maxTouchPoints?: number
  userAgentData?: {
    getHighEntropyValues(hints: string[]): Promise<{ platform?: string; platformVersion?: string; model?: string }>
  }
}

/** In the order in which one poses as another: the first that matches is meant. */
const BROWSERS = [
  ['Edge', /\b(?:Edg|EdgA|EdgiOS)\/(\d+)/],
  ['Opera', /\bOPR\/(\d+)/],
  ['Samsung Internet', /\bSamsungBrowser\/(\d+)/],
  ['Firefox', /\b(?:Firefox|FxiOS)\/(\d+)/],
  ['Chrome', /\b(?:Chrome|HeadlessChrome|CriOS)\/(\d+)/],
  ['Safari', /\bVersion\/(\d+)[\d.]* .*Safari\//],
] as const

const SYSTEMS = [
  ['Android', /\bAndroid (\d+(?:\.\d+)*)/],
  ['iOS', /\bCPU (?:iPhone )?OS (\d+(?:_\d+)*)/],
  ['Windows', /\bWindows NT /],
  ['ChromeOS', /\bCrOS\b/],
  // Every browser has frozen what stands behind it.
  ['macOS', /\bMac OS X\b/],
  ['Linux', /\bLinux\b/],
] as const

type Named = { name: string; version: string }

function match(list: readonly (readonly [string, RegExp])[], text: string): Named {
  for (const [name, pattern] of list) {
    const found = pattern.exec(text)
    if (found) return { name, version: (found[1] ?? '').replaceAll('_', '.') }
  }
  return { name: '', version: '' }
}

/** Chromium on Windows counts its API contracts: 13 and up is Windows 11. */
function versionOf(platform: string, platformVersion: string): string {
  if (platform !== 'Windows') return platformVersion.replace(/(?:\.0)+$/, '')
  const major = Number.parseInt(platformVersion, 10)
  return major >= 13 ? '11' : major > 0 ? '10' : ''
}

async function systemOf(from: NavigatorFacts): Promise<Named & { model: string }> {
  const told = await from.userAgentData
    ?.getHighEntropyValues(['platformVersion', 'model'])
    // Withheld by a privacy setting: the user agent's own line is left.
    .catch(() => null)
  const model = told?.model ?? ''
  if (told?.platform)
    return { name: told.platform, version: versionOf(told.platform, told.platformVersion ?? ''), model }
  const system = match(SYSTEMS, from.userAgent)
  // A tablet that poses as a desktop is told by its screen.
  if (system.name === 'macOS' && (from.maxTouchPoints ?? 0) > 1) return { name: 'iPadOS', version: '', model }
  return { ...system, model }
}

const joined = ({ name, version }: Named) => `${name} ${version}`.trim()

/** What this browser says of itself, as the facts of a device. A browser can notice a capture and prevent none. */
export async function browserFacts(appVersion: string, from: NavigatorFacts = navigator): Promise<DeviceFacts> {
  const browser = match(BROWSERS, from.userAgent)
  const system = await systemOf(from)
  const name = [browser.name || 'Browser', system.name].filter((part) => part !== '').join(' on ')
  const osVersion = [joined(system), joined(browser)].filter((part) => part !== '').join(', ')
  return {
    name: name.slice(0, 100),
    platform: 'browser',
    osVersion: osVersion.slice(0, 64) || 'unknown',
    appVersion,
    ...(system.model === '' ? {} : { model: system.model.slice(0, 100) }),
    capabilities: {
      eraseVault: true,
      eraseDevice: false,
      lock: true,
      detectCapture: true,
      preventCapture: false,
      // Keys that no script can read still lie in the browser's profile as files.
      keyStore: 'file',
    },
  }
}
