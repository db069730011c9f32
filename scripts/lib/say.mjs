/** A line for the person at the terminal. Standard output belongs to answers and logs. */
export function say(line) {
  process.stderr.write(`${line}\n`)
}

/** Ends the process with one line on standard error: a refusal without a stack, a bug with it. */
export function fail(error) {
  const isExpected = error?.name === 'Refusal' || error?.name === 'EnvError'
  say(isExpected ? error.message.replace(/^/gm, 'gatehouse: ') : `gatehouse: ${error?.stack ?? error}`)
  process.exit(1)
}
