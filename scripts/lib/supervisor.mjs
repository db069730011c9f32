import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readEnv } from '../../server/kernel/env.ts'
import { bootstrap, entryArgs } from './bootstrap.mjs'
import { ensureAssets, ensureBuilt, ensureGenerated } from './build.mjs'
import { consoleArgs } from './console-args.mjs'
import { demoDataDirOf, startDemo } from './demo.mjs'
import { ensureDataDir, writeFileAtomic } from './files.mjs'
import { answers, reachableHost } from './health.mjs'
import { holderOf, tryLock } from './lock.mjs'
import { createLogSink, postgresLevel } from './log-lines.mjs'
import { ManagedProcess } from './managed-process.mjs'
import { dataDirOf } from './paths.mjs'
import { tryPort } from './ports.mjs'
import { startPostgres } from './postgres.mjs'
import { Refusal } from './refusal.mjs'
import { say } from './say.mjs'

/** Of a process that never became ready: after this many ends in a row the start is given up. */
const HOPELESS_AFTER = 5

const SLOW_AFTER_MS = 15_000
const LEFTOVER_PATIENCE_MS = 13_000

/** Brings everything up, keeps it up, and takes it down in order on SIGINT or SIGTERM. */
export async function supervise({ isDev, isDemo }) {
  process.env.GATEHOUSE_DATA_DIR = isDemo ? demoDataDirOf() : dataDirOf()
  const env = readEnv()
  ensureDataDir(env.dataDir)
  const release = holdDataDir(env.dataDir)
  const isHuman = process.stdout.isTTY && !process.env.LOG_LEVEL
  const run = {
    env,
    isDev,
    sink: createLogSink({ isHuman, level: env.logLevel }),
    processes: [],
    isStopping: false,
    stopped: new AbortController(),
  }
  onSignals(run, release)
  try {
    await requirePorts(env)
    const { setupUrl } = await bringUp(run)
    await untilReady(run)
    if (run.isStopping) return
    // The demo brings an organisation of its own: nobody sets one up.
    announce(env, isDemo ? null : setupUrl)
    if (isDemo) await startDemo(run, environmentOf(run), () => record(run))
  } catch (error) {
    // A stop in the middle of a start makes its steps fail; that is no fault to report.
    if (run.isStopping) return
    await takeDown(run)
    release()
    throw error
  }
}

function holdDataDir(dataDir) {
  const lock = path.join(dataDir, 'start.lock')
  const release = tryLock(lock, 'npm start')
  if (release) return release
  const holder = holderOf(lock)?.pid
  throw new Refusal(`${dataDir} is in use by another Gatehouse (process ${holder}): stop it or set GATEHOUSE_DATA_DIR`)
}

async function requirePorts({ host, port, gatewayPort, dataDir }) {
  // Left by a supervisor that was killed: its processes are on their way out and hold the ports a little longer.
  const patienceMs = fs.existsSync(path.join(dataDir, 'processes.json')) ? LEFTOVER_PATIENCE_MS : 0
  const until = Date.now() + patienceMs
  for (const [name, number] of Object.entries({ PORT: port, GATEWAY_PORT: gatewayPort })) {
    while (!(await tryPort(number, host))) {
      if (Date.now() >= until) {
        throw new Refusal(
          `${name} ${number} is in use on ${host}: stop what listens there or set ${name} to a free port`,
        )
      }
      await sleep(100)
    }
  }
}

async function bringUp(run) {
  await ensureGenerated(run.stopped.signal)
  await (run.isDev ? ensureAssets() : ensureBuilt(run.stopped.signal))
  const adminUrl = run.env.databaseUrl ?? (await runPostgres(run))
  const childEnv = environmentOf(run)
  const answer = await bootstrap({ env: childEnv, adminUrl, sink: run.sink })
  if (run.isStopping) return answer
  for (const spec of specs(run, childEnv)) run.processes.push(new ManagedProcess(spec, run.sink, () => record(run)))
  for (const one of run.processes) one.start()
  return answer
}

function environmentOf({ env, isDev }) {
  return {
    ...process.env,
    NODE_ENV: isDev ? 'development' : 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    // Halves the time until our TypeScript and its libraries are loaded.
    NODE_COMPILE_CACHE: path.join(env.dataDir, 'runtime/compile-cache'),
  }
}

/** The processes in the order in which they are stopped; the database goes last. */
function specs({ env, isDev }, childEnv) {
  const watch = isDev ? ['--watch', '--watch-preserve-output'] : []
  return [
    { name: 'console', args: consoleArgs({ isDev, host: env.host, port: env.port }), env: childEnv, stopMs: 3500 },
    { name: 'gateway', args: [...watch, ...entryArgs('gateway/main.ts')], env: childEnv, stopMs: 2000 },
    { name: 'worker', args: [...watch, ...entryArgs('server/worker.ts')], env: childEnv, stopMs: 2000 },
  ]
}

async function runPostgres(run) {
  const onLog = (line) => run.sink.pass('postgres', line, postgresLevel(line))
  const server = await startPostgres({ dataDir: run.env.dataDir, port: run.postgres?.port, onLog })
  run.postgres = server
  record(run)
  server.exited.then((how) => {
    // Its process id may be somebody else's by now.
    run.postgres = { ...server, pid: null }
    return restartPostgres(run, how)
  })
  return server.url
}

/** The others keep their connection strings: it comes back on its port. */
async function restartPostgres(run, how) {
  for (let attempt = 0; !run.isStopping; attempt++) {
    record(run)
    run.sink.log('error', `postgres ended (${how}); starting it again`)
    try {
      await runPostgres(run)
      return
    } catch (error) {
      run.sink.log('error', error.message)
      await sleep(Math.min(30_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2))
    }
  }
}

/** Process ids by name, for operators and tests. */
function record({ env, postgres, processes }) {
  const pids = Object.fromEntries(processes.map(({ name, pid }) => [name, pid ?? null]))
  const all = { supervisor: process.pid, postgres: postgres?.pid ?? null, ...pids }
  writeFileAtomic(path.join(env.dataDir, 'processes.json'), `${JSON.stringify(all)}\n`)
}

async function untilReady(run) {
  const startedAt = Date.now()
  let hasTold = false
  for (;;) {
    const waiting = await notReady(run)
    if (run.isStopping || waiting.length === 0) return
    const hopeless = run.processes.find(({ failures }) => failures >= HOPELESS_AFTER)
    if (hopeless)
      throw new Refusal(
        `${hopeless.name} ended ${HOPELESS_AFTER} times before it was ready: its own lines above say why`,
      )
    const isSlow = Date.now() - startedAt > SLOW_AFTER_MS
    if (isSlow && !hasTold) run.sink.log('warn', `still waiting for ${waiting.join(', ')}`)
    hasTold ||= isSlow
    await sleep(isSlow ? 1000 : 100)
  }
}

async function notReady({ env, processes }) {
  const host = reachableHost(env.host)
  const probes = {
    console: `${env.consoleTls ? 'https' : 'http'}://${host}:${env.port}/readyz`,
    gateway: `https://${host}:${env.gatewayPort}/readyz`,
  }
  const ready = await Promise.all(processes.map(({ name, pid }) => pid && (!probes[name] || answers(probes[name]))))
  return processes.filter((_, i) => !ready[i]).map(({ name }) => name)
}

function announce({ url, gatewayUrl }, setupUrl) {
  const setup = setupUrl ? [`  Setup    ${setupUrl}  (works once)`] : []
  const lines = ['Gatehouse is ready', ...setup, `  Console  ${url}`, `  Gateway  ${gatewayUrl}`]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function onSignals(run, release) {
  let askedAt = 0
  const stop = async (signal) => {
    // npm, the terminal and a relay may each deliver the same Ctrl-C; a second one from a person comes later.
    if (askedAt) return Date.now() - askedAt > 700 ? killAll(run, release) : undefined
    askedAt = Date.now()
    run.isStopping = true
    if (process.stdout.isTTY) say(`Stopping (${signal}); once more to kill`)
    await takeDown(run)
    release()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
}

async function takeDown(run) {
  run.isStopping = true
  run.stopped.abort()
  for (const one of run.processes) await one.stop()
  await run.postgres?.stop()
  fs.rmSync(path.join(run.env.dataDir, 'processes.json'), { force: true })
}

function killAll(run, release) {
  for (const one of run.processes) one.kill()
  // Its guard ends the database when we are gone.
  release()
  process.exit(130)
}
