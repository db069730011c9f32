export interface Holder {
  pid: number
  purpose: string
}

/** Takes the lock and returns what gives it back; undefined while another living process holds it. */
export function tryLock(file: string, purpose: string): (() => void) | undefined
export function withLock<T>(
  file: string,
  purpose: string,
  run: () => T | Promise<T>,
  onWait?: (holder: Holder | undefined) => void,
): Promise<T>
export function holderOf(file: string): Holder | undefined
