import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { entryArgs } from './bootstrap.mjs'
import { ROOT } from './paths.mjs'
import { Refusal } from './refusal.mjs'

/**
 * Runs `FOLDER/NAME.SUFFIX.ts` for each name asked for, or all of them, one after the other in processes of their own.
 * @returns {number} the exit code: that of the first that failed
 */
export function runSuites({ folder, suffix, names }) {
  const dir = path.join(ROOT, folder)
  const ending = `.${suffix}.ts`
  const files = fs.existsSync(dir) ? fs.readdirSync(dir).filter((file) => file.endsWith(ending)) : []
  const known = files.map((file) => file.slice(0, -ending.length)).sort()
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Refusal(`no such ${suffix}: ${unknown} (there are: ${known.join(', ') || 'none'})`)
  if (known.length === 0) throw new Refusal(`${folder}/ holds no *${ending}`)
  const codes = (names.length > 0 ? names : known).map((name) => run(path.join(folder, name + ending)))
  return codes.find((code) => code !== 0) ?? 0
}

function run(entry) {
  return spawnSync(process.execPath, entryArgs(entry), { cwd: ROOT, stdio: 'inherit' }).status ?? 1
}
