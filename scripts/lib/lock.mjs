import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIfExists } from './files.mjs'

/**
 * Takes a lock file that names its holder, or returns undefined while another living process holds it.
 * A holder that died (kill -9, power) is recognised by pid *and* start time, so that a reused pid does not block a start.
 */
export function tryLock(file, purpose) {
  const own = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  fs.writeFileSync(own, JSON.stringify({ pid: process.pid, born: bornAt(process.pid), purpose }), { flag: 'wx' })
  try {
    return link(own, file) || (removeStale(file) && link(own, file))
      ? () => fs.rmSync(file, { force: true })
      : undefined
  } finally {
    fs.rmSync(own, { force: true })
  }
}

/** Waits for a lock; `onWait` hears once who holds it. */
export async function withLock(file, purpose, run, onWait = () => {}) {
  let release = tryLock(file, purpose)
  if (!release) onWait(holderOf(file))
  while (!release) {
    await sleep(100)
    release = tryLock(file, purpose)
  }
  try {
    return await run()
  } finally {
    release()
  }
}

/** Who holds a lock now: `{pid, purpose}`, or undefined. */
export function holderOf(file) {
  const holder = parse(readIfExists(file))
  return holder && isAlive(holder) ? holder : undefined
}

function link(own, file) {
  try {
    // link() is atomic and fails when the name exists, and the file already holds its whole content.
    fs.linkSync(own, file)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function removeStale(file) {
  const seen = readIfExists(file)
  if (seen === undefined) return true
  const holder = parse(seen)
  if (holder && isAlive(holder)) return false
  const aside = `${file}.stale.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    fs.renameSync(file, aside)
  } catch (error) {
    if (error.code === 'ENOENT') return true
    throw error
  }
  // Two processes may clear the same stale lock: whoever moved a fresh one by mistake puts it back.
  if (readIfExists(aside) !== seen) link(aside, file)
  fs.rmSync(aside, { force: true })
  return true
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isAlive({ pid, born }) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error.code !== 'EPERM') return false
  }
  return born === bornAt(pid)
}

/** A process's start: clock ticks since boot with the boot's id on Linux, an empty string elsewhere. */
function bornAt(pid) {
  const stat = readIfExists(`/proc/${pid}/stat`)
  if (!stat) return ''
  const boot = readIfExists('/proc/sys/kernel/random/boot_id') ?? ''
  return `${boot.trim()}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
}
