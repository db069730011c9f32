/** Whether a URL on this machine answers 200. */
export function answers(url: string, timeoutMs?: number): Promise<boolean>

/** An address to reach a listener on this machine by. */
export function reachableHost(host: string): string
