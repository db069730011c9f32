// Only the preloads are ours; conditions the console resolves when it is built.
const PRELOADS = ['./scripts/lib/child-guard.mjs', './scripts/console-preload.mjs'].map((file) => `--import=${file}`)

// People ask in bursts. V8 takes a pause for a reason to keep the heap tight and to forget compiled code, and would collect in the
// middle of the next burst: a search after a pause is a third slower then.
const READY = ['--heap-growing-percent=200', '--no-flush-bytecode']

/** What Node gets to run the console. */
export function consoleArgs({ isDev, host, port }) {
  return [
    '--disable-warning=ExperimentalWarning',
    // `next dev` hands Node's flags to a child by NODE_OPTIONS, in which Node refuses V8's.
    ...(isDev ? [] : READY),
    ...PRELOADS,
    'node_modules/next/dist/bin/next',
    isDev ? 'dev' : 'start',
    '--port',
    String(port),
    '--hostname',
    host,
  ]
}
