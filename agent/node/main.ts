import { resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { enrollCommand, filesCommand, forwardCommand, openCommand, screenshotCommand, syncCommand } from './commands.ts'
import { fail } from './output.ts'
import { runCommand } from './run-command.ts'
import { statusCommand } from './status-command.ts'

// Nothing this process creates is for anybody else.
process.umask(0o077)

function command(parent: Command, name: string, description: string): Command {
  return (
    parent
      .command(name)
      .description(description)
      // Resolved at once: reaching a socket of a long path changes the working directory.
      .requiredOption('--dir <dir>', 'directory of the device', (path) => resolve(path))
      .option('--json', 'print JSON')
  )
}

function program(): Command {
  const root = new Command('gatehouse-agent')
    .description('The device side of Gatehouse')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`gatehouse-agent: ${text.replace(/^error: /, '')}`),
    })

  command(root, 'enroll', 'make keys and enrol with a code')
    .requiredOption('--gateway <url>', 'https address of the gateway')
    .requiredOption('--code <code>', 'enrolment code')
    .option('--ca <file>', 'PEM certificates to trust instead of the system ones')
    .option('--name <name>', 'name of the device')
    .option('--platform <platform>', 'ios, android, windows, macos, linux or browser')
    .option('--os-version <version>', 'version of the operating system')
    .option('--app-version <version>', 'version of the app that embeds the agent')
    .option('--serial <serial>', 'serial number of the hardware')
    .option('--prevent-capture', 'the app uses its platform’s capture protection on every window')
    .action(enrollCommand)

  command(root, 'run', 'stay connected: policy, commands, events, receipts')
    .option('--app-version <version>', 'the version of an updated app')
    .action(runCommand)
  command(root, 'sync', 'one round of the same, then exit')
    .option('--app-version <version>', 'the version of an updated app')
    .action(syncCommand)
  command(root, 'files', 'list the files for this device').action(filesCommand)
  command(root, 'open', 'open a file')
    .argument('<file-id>')
    .requiredOption('--out <path>', '- to view on standard output, a path to download')
    .option('--reason <text>', 'why, where the policy asks')
    .action(openCommand)
  command(root, 'forward', 'give somebody a copy of a file, where the policy allows it')
    .argument('<file-id>')
    .requiredOption('--to <email>', 'recipient')
    .option('--reason <text>', 'why, where the policy asks')
    .action(forwardCommand)
  const report = root.command('report').description('report what a host app noticed')
  command(report, 'screenshot', 'a screenshot attempt')
    .requiredOption('--file <file-id>', 'file on the screen')
    .action(screenshotCommand)
  command(root, 'status', 'what this directory knows by itself').action(statusCommand)
  return root
}

try {
  await program().parseAsync()
} catch (error) {
  // Commander has said its line already; help and version are no failures.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : fail(error)
}
