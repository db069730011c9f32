import { afterEach, expect, test, vi } from 'vitest'
import { createLogSink, type LogSink } from './log-lines.mjs'
import { ManagedProcess } from './managed-process.mjs'

const started: ManagedProcess[] = []
afterEach(() => {
  for (const one of started.splice(0)) one.kill()
})

function listen(): { sink: LogSink; entries: Record<string, unknown>[] } {
  const entries: Record<string, unknown>[] = []
  const write = (text: string) => entries.push(JSON.parse(text))
  return { sink: createLogSink({ stream: { write }, isHuman: false }), entries }
}

function run(code: string, sink: LogSink, stopMs = 2000): ManagedProcess {
  const args = ['--import=./scripts/lib/child-guard.mjs', '--input-type=module', '-e', code]
  const one = new ManagedProcess({ name: 'gateway', args, env: process.env, stopMs }, sink)
  started.push(one)
  one.start()
  return one
}

const STAYS = "process.on('SIGTERM', () => process.exit(0)); console.log('up'); setInterval(() => {}, 1000)"
const DEAF = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"

const said = (entries: Record<string, unknown>[], msg: string) => entries.filter((entry) => entry.msg === msg).length

test('its lines pass: JSON as it is, anything else wrapped', async () => {
  const { sink, entries } = listen()
  run(`console.log(JSON.stringify({ level: 'warn', msg: 'mine' })); console.log('plain'); ${STAYS}`, sink)
  await vi.waitFor(() => expect(entries).toHaveLength(3), 5000)
  expect(entries[0]).toEqual({ level: 'warn', msg: 'mine' })
  expect(entries[1]).toMatchObject({ level: 'info', component: 'gateway', msg: 'plain' })
})

test('killed, it is started again', async () => {
  const { sink, entries } = listen()
  const one = run(STAYS, sink)
  await vi.waitFor(() => expect(said(entries, 'up')).toBe(1), 5000)
  process.kill(one.pid ?? 0, 'SIGKILL')
  await vi.waitFor(() => expect(said(entries, 'up')).toBe(2), 5000)
  expect(one.failures).toBe(1)
})

test('failing at once, it is started again later each time', async () => {
  const { sink, entries } = listen()
  const one = run('process.exit(3)', sink)
  await vi.waitFor(() => expect(one.failures).toBeGreaterThanOrEqual(3), 10_000)
  const delays = entries.map(({ msg }) => Number(/ended \(3\); starting it again in (\d+) ms/.exec(String(msg))?.[1]))
  expect(delays[2]).toBeGreaterThanOrEqual(1000)
})

test('stopped, it ends and stays down', async () => {
  const { sink, entries } = listen()
  const one = run(STAYS, sink)
  await vi.waitFor(() => expect(said(entries, 'up')).toBe(1), 5000)
  await one.stop()
  expect(one.pid).toBeUndefined()
  expect(said(entries, 'up')).toBe(1)
})

test('deaf to the request, it is killed when its time is over', async () => {
  const { sink, entries } = listen()
  const one = run(DEAF, sink, 300)
  await vi.waitFor(() => expect(said(entries, 'up')).toBe(1), 5000)
  await one.stop()
  expect(one.pid).toBeUndefined()
  expect(entries.at(-1)).toMatchObject({ level: 'warn', msg: 'gateway did not stop within 300 ms and was killed' })
})

test('on a terminal only what needs attention is shown, readable', () => {
  let shown = ''
  const stream = { write: (text: string) => (shown += text) }
  const sink = createLogSink({ stream, isHuman: true })
  sink.pass('gateway', JSON.stringify({ level: 'info', component: 'gateway', msg: 'fine' }))
  sink.pass(
    'gateway',
    JSON.stringify({ level: 'error', component: 'gateway', msg: 'failed', err: { message: 'no disk' } }),
  )
  expect(shown).toBe('error gateway  failed: no disk\n')
})
