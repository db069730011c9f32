/** What Node gets to run the console. */
export function consoleArgs(where: { isDev: boolean; host: string; port: number }): string[]
