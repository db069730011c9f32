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
