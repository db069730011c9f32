import { expect, test } from '@playwright/test'
import { startInstance } from './support/instance.ts'
import { gatehouse } from './support/operator.ts'
import { until } from './support/wait.ts'

type Device = { name: string; status: string; online: boolean; problem: { code: string } | null }

test('npm run demo: says how to sign in, its devices are connected, and the lost phone signs its receipt', async () => {
  test.setTimeout(300_000)
  const demo = await startInstance({ isDemo: true })
  try {
    await until('its devices to connect', async () => demo.logs().includes('demo devices connect'), 120_000)
    expect(demo.logs()).toMatch(/^ {2}Email {4}mara\.lindqvist@harbour\.example$/m)
    expect(demo.logs()).toMatch(/^ {2}Password harbour-[0-9a-f]{12}$/m)
    expect(demo.logs()).toMatch(/^ {2}Code {5}\d{6} /m)
    expect(demo.logs()).toMatch(/^ {2}Secret {3}[A-Z2-7]{32} /m)
    const key = ['api-key', 'create', '--name', 'look', '--scopes', 'devices:read,audit:read,audit:unmask', '--json']
    const { token } = await gatehouse<{ token: string }>(demo, key)
    const list = async <T>(path: string) => {
      const answer = await fetch(`${demo.consoleUrl}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
      return ((await answer.json()) as { items: T[] }).items
    }
    const erased = await until('the receipt', async () => (await list<{ state: string }>('/wipes?state=erased'))[0])
    expect(erased).toMatchObject({ reason: 'lost', requestedBy: { name: 'Mara Lindqvist' } })
    expect(await list('/wipes?state=awaiting_approval')).toHaveLength(1)
    const devices = await list<Device>('/devices?limit=200')
    expect(devices).toHaveLength(60)
    expect(devices.filter(({ online }) => online).length).toBeGreaterThan(40)
    expect(devices.filter(({ problem }) => problem?.code === 'app_version_too_old')).toHaveLength(1)
    // Nobody's clock is suspect, nothing was refused as malformed, and nothing failed.
    expect(await list('/audit/events?q=outcome:failed')).toEqual([])
    expect(await list('/audit/events?q=action:device.event.rejected')).toEqual([])
  } finally {
    await demo.stop()
  }
})
