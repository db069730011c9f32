import path from 'node:path'
import { ensureInstalled } from './install.mjs'
import { stopWithNpm } from './parent.mjs'
import { dataDirOf, ROOT } from './paths.mjs'
import { become, isNodeRecent, provideNode } from './runtime.mjs'

/**
 * The first step of every script here, on any Node from 18: dependencies in place, and this very script running on
 * Node 24 (this process then stays behind as a relay and the promise never resolves).
 */
export async function onNode24(script) {
  stopWithNpm()
  await ensureInstalled()
  if (!isNodeRecent()) await become(await provideNode(), [script, ...process.argv.slice(2)])
}

/** For the launchers in bin/: runs a TypeScript entry on Node 24 with our arguments and standard streams. */
export async function runEntry(entry) {
  await ensureInstalled()
  const args = ['--conditions=react-server', '--disable-warning=ExperimentalWarning', path.join(ROOT, entry)]
  const env = { ...process.env, GATEHOUSE_DATA_DIR: dataDirOf() }
  // Whoever kills the launcher means the program: it may not outlive it and go on holding its directory.
  await become(await provideNode(), [...args, ...process.argv.slice(2)], { env, guardSignal: 'SIGKILL' })
}
