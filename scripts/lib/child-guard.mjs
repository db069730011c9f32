// Preloaded into every process of ours: it ends with whoever started it, even when that one is killed outright.
import net from 'node:net'

/** Longer than an orderly stop of everything may take. */
const PATIENCE_MS = 12_000

if (process.env.GATEHOUSE_GUARD_FD) {
  const fd = Number(process.env.GATEHOUSE_GUARD_FD)
  // What this process starts in turn has other things on that descriptor.
  delete process.env.GATEHOUSE_GUARD_FD
  const signal = process.env.GATEHOUSE_GUARD_SIGNAL || 'SIGTERM'
  delete process.env.GATEHOUSE_GUARD_SIGNAL
  const line = new net.Socket({ fd, readable: true, writable: false })
  line.on('error', () => {})
  line.on('close', () => {
    process.kill(process.pid, signal)
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), PATIENCE_MS).unref()
  })
  line.resume().unref()
}
