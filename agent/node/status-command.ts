import { loadDevice } from '#agent/core/device.ts'
import { readStanding } from '#agent/core/identity.ts'
import { cachedPolicy } from '#agent/core/policy.ts'
import { readTombstone } from '#agent/core/tombstone.ts'
import { vaultHoldings } from '#agent/core/vault-parts.ts'
import { resumeErasure } from '#agent/core/wipe.ts'
import { createCompanion } from './companion.ts'
import { type OutputOptions, print } from './output.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

async function statusOf(workspace: Workspace) {
  const { store } = workspace.ports
  const device = await loadDevice(workspace.ports)
  try {
    const standing = await readStanding(store)
    const policy = await cachedPolicy(device)
    const { deviceId, tenantId, enrollmentId, gatewayUrl, facts, enrolledAt, keyThumbprint } = device.identity
    return {
      deviceId,
      tenantId,
      enrollmentId,
      name: facts.name,
      platform: facts.platform,
      gatewayUrl,
      enrolledAt,
      keyThumbprint,
      status: standing?.status ?? 'unknown',
      problem: standing?.problem ?? null,
      heardAt: standing?.at ?? null,
      cloneSuspectedAt: standing?.cloneSuspectedAt ?? null,
      policyVersion: policy?.version ?? null,
      events: await device.queue.state(),
      vault: await vaultHoldings(store),
      running: await createCompanion(workspace.directory).isRunning(),
    }
  } finally {
    device.queue.close()
  }
}

/** `status`: what this directory knows by itself; the server is not asked. */
export async function statusCommand(options: OutputOptions & { dir: string }): Promise<void> {
  const workspace = await openWorkspace(options.dir)
  try {
    await resumeErasure(workspace.ports)
    const tombstone = await readTombstone(workspace.ports.store)
    if (tombstone) {
      const { receipt, ...rest } = tombstone
      print(options, { status: 'wiped', ...rest, receipt }, [
        `This device was erased on ${tombstone.erasedAt}; its receipt is ${receipt}.`,
      ])
      return
    }
    const status = await statusOf(workspace)
    print(options, status, [
      `Device ${status.deviceId} (${status.name}): ${status.status}${status.heardAt ? `, as of ${status.heardAt}` : ''}`,
      `Policy version ${status.policyVersion ?? 'none'}; ${status.events.waiting} event(s) waiting, last number ${status.events.lastSeq}`,
      `Vault: ${status.vault.files} file(s), ${status.vault.bytes} bytes; ${status.running ? 'an agent is running' : 'no agent is running'}`,
      ...(status.problem ? [status.problem.detail] : []),
      ...(status.cloneSuspectedAt
        ? [`Stopped on ${status.cloneSuspectedAt}: another copy of this directory is in use.`]
        : []),
    ])
  } finally {
    await workspace.close()
  }
}
