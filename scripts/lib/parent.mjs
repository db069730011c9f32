const LOOK_EVERY_MS = 200

/**
 * Under `npm run`, a SIGTERM sent to npm reaches only the shell between npm and us: when that shell is gone, whoever
 * started us wants us to stop too.
 */
export function stopWithNpm() {
  if (!process.env.npm_lifecycle_event) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, LOOK_EVERY_MS)
  timer.unref()
}
