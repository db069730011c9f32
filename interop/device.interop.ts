/** A device that somebody else wrote, in Python with jwcrypto, from the contract alone: from its enrolment to the receipt of its erase. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Instance } from '../e2e/support/instance.ts'
import { foundOrganisation } from '../e2e/support/operator.ts'
import { until } from '../e2e/support/wait.ts'
import type { Checks } from './checks.ts'
import { runSuite } from './suite.ts'
import { makePython, run } from './tools.ts'

await runSuite({
  name: 'device',
  tool: makePython,
  run: ({ checks, tool, instance, folder }) =>
    checkDevice(checks, instance, (...args) =>
      run(tool, [join(import.meta.dirname, 'python/device.py'), folder, ...args]),
    ),
})

type Act = (...args: string[]) => Promise<string>

async function checkDevice(checks: Checks, instance: Instance, device: Act): Promise<void> {
  const operator = await foundOrganisation(instance)
  const { personId } = operator.owner
  const content = 'The plan of the year'
  const form = new FormData()
  form.set('file', new File([content], 'Plan.txt', { type: 'text/plain' }))
  form.set('audience', 'everyone')
  const fileId = String((await operator.insist('POST', '/files', form)).id)
  const { code } = await operator.insist('POST', '/enrollment-codes', { personId })
  let deviceId = ''

  await checks.check('enrols with a DPoP proof; the server names the thumbprint that RFC 7638 gives', async () => {
    const said = JSON.parse(await device('enroll', instance.gatewayUrl, instance.caFile, String(code)))
    deviceId = said.deviceId
    const { keyThumbprint, status } = await operator.insist('GET', `/devices/${deviceId}`)
    same(keyThumbprint, said.thumbprint)
    same(status, said.status)
    return said.status
  })
  await checks.check('verifies the policy’s signature', async () => {
    const { version } = JSON.parse(await device('policy'))
    return `version ${version}`
  })
  await checks.check('its events are durable, known when sent again, and found', async () => {
    await device('events', '50')
    await device('events', '7')
    const { total } = await operator.insist('GET', `/audit/events?q=device%3A${deviceId}+action%3Ascreenshot.attempt`)
    same((total as { value: number }).value, 57)
    return undefined
  })
  await checks.check('opens a file that was sealed to its key', async () => {
    const opened = JSON.parse(await device('open', fileId))
    same(opened.sha256, createHash('sha256').update(content).digest('hex'))
    return opened.name
  })
  await checks.check('obeys an erase; its receipt makes the erase erased', async () => {
    const wipe = await operator.insist('POST', `/devices/${deviceId}/wipe`, {
      scope: 'organisation-data',
      reason: 'lost',
    })
    if (wipe.state === 'awaiting_approval' || wipe.state === 'held') await operator.approve(String(wipe.id))
    const obeyed: string[] = []
    // A lock may come first, while the erase waits for its undo window to pass.
    while (obeyed.at(-1) !== 'wipe' && obeyed.length < 3) obeyed.push(JSON.parse(await device('obey')).type)
    const state = await until('the erased state', async () => {
      const now = await operator.insist('GET', `/wipes/${wipe.id}`)
      return now.state === 'erased' && String(now.state)
    })
    return `${obeyed.join(', ')}: ${state}`
  })
  await checks.check('is refused from then on', async () => {
    const refused = await device('policy').catch((error: Error) => error.message)
    if (!refused.includes('device_revoked')) throw new Error(`it answered ${refused}`)
    return undefined
  })
  await operator.close()
}

function same(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`found ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
}
