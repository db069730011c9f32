// Preloaded into every process of ours: it ends with its supervisor, even when that one is killed outright.
import net from 'node:net'

if (process.env.GATEHOUSE_GUARD_FD) {
  const fd = Number(process.env.GATEHOUSE_GUARD_FD)
  // What this process starts in turn has other things on that descriptor.
  delete process.env.GATEHOUSE_GUARD_FD
  const line = new net.Socket({ fd, readable: true, writable: false })
  line.on('error', () => {})
  line.on('close', () => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5000).unref()
  })
  line.resume().unref()
}
