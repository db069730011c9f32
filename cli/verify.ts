import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CliError, print } from './output.ts'
import { openSource } from './verify/source.ts'
import { verifySource } from './verify/verify-source.ts'

type Options = { key?: string; ca?: string; against?: string; json?: boolean }

/** `gatehouse verify`: shares no code with the server but the protocol. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .argument('<place>', 'https://GATEWAY/log/ORGANISATION, or a folder with the files of a log')
    .description('check an audit log without trusting the server (API key with audit:read in GATEHOUSE_API_KEY)')
    .option('--key <vkey>', 'public key of the log; without it the one that the log serves is believed')
    .option('--ca <file>', 'certificate authority of the gateway, PEM')
    .option('--against <file>', 'an earlier checkpoint that the log must extend')
    .option('--json', 'answer in JSON')
    .action(async (place: string, { key, ca, against, json }: Options) => {
      if (against !== undefined && !existsSync(against)) throw new CliError(`--against: there is no file ${against}`)
      const source = openSource(place, { apiKey: process.env.GATEHOUSE_API_KEY, ca })
      const earlier = against === undefined ? [] : [readFileSync(against, 'utf8')]
      const { verdict, size, origin, isKeyServed } = await verifySource(source, { vkey: key, against: earlier })
      if (!verdict.ok) {
        const { code, index, reason } = verdict
        if (json)
          process.stdout.write(`${JSON.stringify({ ok: false, code, index: index ?? null, reason, origin, size })}\n`)
        throw new CliError(`the log does not hold: ${reason}`)
      }
      const note = isKeyServed ? ' (with the key that the log serves: compare it with one you keep)' : ''
      print(
        json,
        { ok: true, origin, size, isKeyServed },
        `${origin}: all ${size} entries are as they were signed${note}`,
      )
    })
}
