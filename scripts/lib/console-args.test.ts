import { expect, test } from 'vitest'
import { consoleArgs } from './console-args.mjs'

const flagsOf = (isDev: boolean) =>
  consoleArgs({ isDev, host: '127.0.0.1', port: 3000 }).filter((arg) => arg.startsWith('--') && !isOfNext(arg))
const isOfNext = (arg: string) => arg === '--port' || arg === '--hostname'

test('in development Node takes each flag from the environment, too: that is how Next hands them to its child', () => {
  expect(flagsOf(true).filter((flag) => !process.allowedNodeEnvironmentFlags.has(flag.replace(/=.*/, '')))).toEqual([])
})

test('else the console’s heap is ready for bursts', () => {
  expect(flagsOf(false)).toContain('--heap-growing-percent=200')
})
