import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { print } from './output.ts'

/** `gatehouse version`. */
export function addVersionCommand(program: Command): void {
  program
    .command('version')
    .description('version of this checkout')
    .option('--json', 'answer in JSON')
    .action(({ json }: { json?: boolean }) => {
      const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
        version: string
      }
      print(json, { version, node: process.versions.node }, `gatehouse ${version} (Node ${process.versions.node})`)
    })
}
