import { meetsMinimum } from './versions.ts'

/** Where a device's app runs, as devices state it in their facts. */
export const PLATFORMS = ['ios', 'android', 'windows', 'macos', 'linux', 'browser'] as const

export type Platform = (typeof PLATFORMS)[number]

/** A documented platform call that keeps an app's own window out of screenshots and recordings. */
export type CaptureMechanism = {
  /** Stable name, as it stands in an event's detail. */
  name: string
  /** Lowest OS version on which the call keeps its promise. */
  minOsVersion: string
  source: string
}

/**
 * Which platform can prevent a capture, by which mechanism. A platform is listed only where its vendor documents that
 * the content is withheld from the capture; what a platform merely reports afterwards is `detected`, never `prevented`.
 */
export const CAPTURE_MECHANISMS: Readonly<Record<Platform, CaptureMechanism | null>> = {
  android: {
    name: 'android.FLAG_SECURE',
    minOsVersion: '5',
    source: 'https://developer.android.com/reference/android/view/WindowManager.LayoutParams#FLAG_SECURE',
  },
  windows: {
    name: 'windows.WDA_EXCLUDEFROMCAPTURE',
    // Windows 10 version 2004; before it the flag falls back to a black window in some captures only.
    minOsVersion: '10.0.19041',
    source: 'https://learn.microsoft.com/windows/win32/api/winuser/nf-winuser-setwindowdisplayaffinity',
  },
  // iOS tells an app after the fact (userDidTakeScreenshotNotification) and offers no call that prevents it.
  ios: null,
  // NSWindow.sharingType = .none is ignored by ScreenCaptureKit since macOS 15, so it is no promise.
  macos: null,
  // Neither X11 nor Wayland lets a client withhold its own window from the compositor.
  linux: null,
  browser: null,
}

/** The mechanism that prevents a capture on this platform version, or null: then a capture can only be noticed. */
export function captureMechanism(platform: Platform, osVersion: string | undefined): CaptureMechanism | null {
  const mechanism = CAPTURE_MECHANISMS[platform]
  if (!mechanism || osVersion === undefined) return null
  return meetsMinimum(osVersion, mechanism.minOsVersion) ? mechanism : null
}

/** What people do with content and a platform may keep them from, or tell of. */
export const GUARDED_OPERATIONS = ['screenshot', 'forward', 'download', 'print', 'copy'] as const

export type GuardedOperation = (typeof GUARDED_OPERATIONS)[number]

/**
 * From the strongest to the weakest: it does not happen · what is taken shows covered content · it is noticed, and was
 * probably taken · nobody learns of it.
 */
export const TRUTHS = ['prevented', 'obscured', 'detected', 'unseen'] as const

export type Truth = (typeof TRUTHS)[number]

type Fact = {
  truth: Truth
  /** Lowest OS version on which it holds. */
  minOsVersion?: string
  /** Who documents it; absent for what Gatehouse's own server or an app's own commands do. */
  source?: string
}

const MDN = 'https://developer.mozilla.org/docs/Web/API'

/** Everything a platform can do about an operation, by a stable name; the console has a sentence for each. */
const FACTS = {
  'android.FLAG_SECURE': { truth: 'prevented', ...promise('android') },
  'android.ScreenCaptureCallback': {
    truth: 'detected',
    minOsVersion: '14',
    source: 'https://developer.android.com/about/versions/14/features/screenshot-detection',
  },
  'windows.WDA_EXCLUDEFROMCAPTURE': { truth: 'prevented', ...promise('windows') },
  'ios.userDidTakeScreenshotNotification': {
    truth: 'detected',
    minOsVersion: '7',
    source: 'https://developer.apple.com/documentation/uikit/uiapplication/userdidtakescreenshotnotification',
  },
  // Recordings and mirroring only; a still is reported by the fact above, after it was taken.
  'ios.sceneCaptureState': {
    truth: 'obscured',
    minOsVersion: '17',
    source: 'https://developer.apple.com/documentation/uikit/uitraitcollection/scenecapturestate',
  },
  'macos.sharingType': {
    truth: 'unseen',
    source: 'https://developer.apple.com/documentation/appkit/nswindow/sharingtype-swift.property',
  },
  'linux.compositor': { truth: 'unseen', source: 'https://wayland.freedesktop.org/architecture.html' },
  'browser.keys': { truth: 'detected', source: `${MDN}/UI_Events/Keyboard_event_key_values` },
  'browser.blur': { truth: 'obscured', source: `${MDN}/Window/blur_event` },
  'browser.beforeprint': { truth: 'obscured', source: `${MDN}/Window/beforeprint_event` },
  'browser.copy': { truth: 'detected', source: `${MDN}/Element/copy_event` },
  'browser.own_page': { truth: 'unseen' },
  'app.commands': { truth: 'prevented' },
  'server.refuses': { truth: 'prevented' },
} as const satisfies Record<string, Fact>

export type FactName = keyof typeof FACTS

export type PlatformFact = Fact & { name: FactName }

function promise(platform: 'android' | 'windows') {
  const mechanism = CAPTURE_MECHANISMS[platform]
  return mechanism ? { minOsVersion: mechanism.minOsVersion, source: mechanism.source } : {}
}

const IN_APP: Readonly<Record<Exclude<GuardedOperation, 'screenshot'>, readonly FactName[]>> = {
  forward: ['server.refuses'],
  download: ['server.refuses'],
  print: ['app.commands'],
  copy: ['app.commands'],
}

/** The first fact is what can be relied on; those behind it hold now and then, or for a part of it. */
const TABLE: Readonly<Record<Platform, Readonly<Record<GuardedOperation, readonly FactName[]>>>> = {
  ios: { screenshot: ['ios.userDidTakeScreenshotNotification', 'ios.sceneCaptureState'], ...IN_APP },
  android: { screenshot: ['android.FLAG_SECURE', 'android.ScreenCaptureCallback'], ...IN_APP },
  windows: { screenshot: ['windows.WDA_EXCLUDEFROMCAPTURE'], ...IN_APP },
  macos: { screenshot: ['macos.sharingType'], ...IN_APP },
  linux: { screenshot: ['linux.compositor'], ...IN_APP },
  browser: {
    screenshot: ['browser.keys', 'browser.blur'],
    forward: ['server.refuses'],
    download: ['server.refuses', 'browser.own_page'],
    print: ['browser.beforeprint'],
    copy: ['browser.copy'],
  },
}

/** Facts behind what a platform does about an operation; never empty. */
export function factsOf(platform: Platform, operation: GuardedOperation): PlatformFact[] {
  return TABLE[platform][operation].map((name) => ({ name, ...FACTS[name] }))
}

/** What can be relied on when the policy blocks the operation on a current version of the platform. */
export function truthOf(platform: Platform, operation: GuardedOperation): PlatformFact {
  const [first] = factsOf(platform, operation)
  if (!first) throw new Error(`${platform} says nothing about ${operation}`)
  return first
}
