import { setTimeout as sleep } from 'node:timers/promises'
import type { Device } from '#agent/core/device.ts'
import { loadDevice } from '#agent/core/device.ts'
import { enroll } from '#agent/core/enroll.ts'
import { GatewayError } from '#agent/core/errors.ts'
import { recordEvent } from '#agent/core/events.ts'
import { cachedPolicy, decide } from '#agent/core/policy.ts'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace, prepareWorkspace, type Workspace } from '#agent/node/workspace.ts'
import type { DeviceFacts } from '#protocol/device/messages.ts'
import type { PolicyAction } from '#protocol/policy/evaluate.ts'

/** A device of the demo: real keys, a real vault and queue, the agent's own code; only its screen is missing. */
export type SimulatedDevice = {
  device: Device
  /** Lets the device's clock show an earlier time, for what happened before it was connected; null: the real one. */
  pretend(at: number | null): void
  close(): Promise<void>
}

/** `caFile`: what signs the gateway's certificate, where the system does not know it anyway. */
type Enrolment = { dir: string; caFile: string | undefined; gatewayUrl: string; code: string; facts: DeviceFacts }

/** Enrols through the gateway, as often as it says that others were first. */
export async function enrollDevice({ dir, caFile, gatewayUrl, code, facts }: Enrolment): Promise<SimulatedDevice> {
  const workspace = await prepareWorkspace(dir, caFile)
  const options = { gatewayUrl, code, facts, givenFacts: ['osVersion', 'appVersion'] }
  for (;;) {
    try {
      await enroll(workspace.ports, options)
      await workspace.close()
      return await openSimulatedDevice(dir)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.retryAfterMs === null) throw error
      await sleep(error.retryAfterMs)
    }
  }
}

/** Opens a device that was enrolled before. @throws AgentError `erased` */
export async function openSimulatedDevice(dir: string): Promise<SimulatedDevice> {
  const workspace = await openWorkspace(dir, { companion: noCompanion })
  const { ports, pretend } = withPretendedTime(workspace)
  const device = await loadDevice(ports)
  const close = async () => {
    device.lease.drop()
    device.queue.close()
    await workspace.close()
  }
  return { device, pretend, close }
}

function withPretendedTime({ ports }: Workspace) {
  let pretended: number | null = null
  const clock = { ...ports.clock, now: () => pretended ?? ports.clock.now() }
  return {
    ports: { ...ports, clock },
    pretend: (at: number | null) => {
      pretended = at
    },
  }
}

export type Act = { action: PolicyAction; file: { id: string; labels: string[] }; to?: string }

/** Records what somebody did, as the policy on the device decides it. */
export async function recordAct(device: Device, { action, file, to }: Act): Promise<void> {
  const policy = await cachedPolicy(device)
  if (!policy) throw new Error('the device has no policy yet')
  const { labels } = file
  const decision = decide(device, policy, { action, labels, ...(to ? { recipient: to } : {}) })
  const detail = { ...(decision.mechanism ? { mechanism: decision.mechanism } : {}), ...(to ? { to } : {}) }
  await recordEvent(device, {
    action,
    outcome: decision.outcome,
    enforcement: decision.enforcement,
    policy: { id: policy.policyId, version: policy.version, rule: decision.rule },
    target: { type: 'file', id: file.id },
    ...(labels.length > 0 ? { labels } : {}),
    ...(Object.keys(detail).length > 0 ? { detail } : {}),
  })
}
