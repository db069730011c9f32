import { handleCommand } from '#agent/core/commands.ts'
import { loadDevice } from '#agent/core/device.ts'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace } from '#agent/node/workspace.ts'

/** Obeys one command in a directory without telling the gateway. */
export async function resumeWith(dir: string, jws: string): Promise<void> {
  const workspace = await openWorkspace(dir, { companion: noCompanion })
  const device = await loadDevice(workspace.ports)
  await handleCommand(device, jws)
  device.queue.close()
  await workspace.close()
}
