/** A TCP port that was free on this address a moment ago; `preferred` when it still is. */
export function freePort(preferred?: number, host?: string): Promise<number>
export function tryPort(port: number, host: string): Promise<number | undefined>
