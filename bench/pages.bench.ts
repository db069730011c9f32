/**
 * Pages of the console as a signed-in person gets them, whole HTML documents: the audit list over 10,000 events and the device
 * list over 1,000 devices, against an empty dynamic page of the same build, all from one running product.
 */

import { cookieNames } from '#server/http/cookie-names.ts'
import { openSession } from '#server/identity/commands.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { startInstance } from '../e2e/support/instance.ts'
import '#server/http/wiring.ts'
import { enough, load } from './page-load.ts'
import { foundOrganisation } from './place.ts'
import { type Run, report } from './report.ts'
import { seedDevices, seedEvents } from './seed.ts'

const RUNS = enough('BENCH_RUNS', 5)
const SECONDS = enough('BENCH_SECONDS', 8)
const DEVICES = enough('BENCH_DEVICES', 1_000)
const EVENTS = enough('BENCH_EVENTS', 10_000)

const instance = await startInstance({ env: { LOG_LEVEL: 'warn' } })
try {
  Object.assign(process.env, { GATEHOUSE_DATA_DIR: instance.dataDir, NODE_ENV: 'production', LOG_LEVEL: 'warn' })
  const owner = await foundOrganisation('Bench')
  await seedEvents(await seedDevices(owner, DEVICES), EVENTS)
  const { token } = await openSession({
    tenantId: owner.tenantId,
    personId: owner.personId,
    client: { address: '127.0.0.1', userAgent: 'bench' },
    method: 'password',
  })
  const cookie = `${(await cookieNames()).session}=${token}`
  const pages = { empty: '/empty', audit: '/audit', devices: '/devices' }
  // The first requests compile and fill caches; nobody measures them.
  for (const path of Object.values(pages)) await load(instance.consoleUrl + path, { cookie, seconds: 2 })
  const rates: Record<keyof typeof pages, Awaited<ReturnType<typeof load>>[]> = { empty: [], audit: [], devices: [] }
  for (let n = 0; n < RUNS; n++)
    for (const [name, path] of Object.entries(pages))
      rates[name as keyof typeof pages].push(await load(instance.consoleUrl + path, { cookie, seconds: SECONDS }))
  const runs = rates.empty.map(
    (baseline, n): Run => ({ ours: rates.audit[n]?.perSecond ?? 0, baseline: baseline.perSecond }),
  )
  const told = (of: (typeof rates)['audit']) => {
    const middle = [...of].sort((a, b) => a.perSecond - b.perSecond)[Math.floor((of.length - 1) / 2)]
    return middle
      ? `${middle.perSecond.toFixed(0)}/s · first byte p50 ${middle.p50} ms, p95 ${middle.p95} ms · ${middle.bytes} bytes`
      : ''
  }
  report({
    name: 'pages',
    unit: 'HTML pages/s',
    runs,
    notes: {
      what: `audit list of ${EVENTS} events (ours) against an empty dynamic page (baseline), 8 connections, signed in`,
      'audit list': told(rates.audit),
      'device list': told(rates.devices),
      'empty page': told(rates.empty),
    },
  })
} finally {
  await closeRuntime()
  await instance.stop()
}
