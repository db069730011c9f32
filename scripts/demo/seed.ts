// Prepares the demo organisation, once, through the doors that anybody has: the server's command line, a person's session,
// the admin API and the gateway. Nothing here writes to the database by itself.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openDeviceFile } from '#agent/core/files.ts'
import { fetchPolicy } from '#agent/core/policy.ts'
import { syncOnce } from '#agent/core/sync.ts'
import { seededRandom } from '#lib/seeded-random.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { publishFile } from '#server/content/commands.ts'
import { blockDevice, createEnrollmentCode, requestWipe } from '#server/devices/commands.ts'
import { createApiKey, foundOrganisation } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { type Env, readEnv } from '#server/kernel/env.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { invitePerson, inviteStaff } from '#server/people/commands.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { anAct, pastTimes, pick } from './history.ts'
import { deviceDir, type Notes, readNotes, writeNotes } from './notes.ts'
import { ADMIN, contentOf, DOCUMENTS, DOMAIN, factsOf, MEMBERS, ORGANISATION, OWNER, STAFF } from './organisation.ts'
import { enrollDevice, recordAct, type SimulatedDevice } from './simulated-device.ts'
import { accept, codeOf, type Signed, signIn, stepUp } from './staff.ts'

/** Of the members: these accept their invitation later. */
const STILL_INVITED = 3
const EVENTS_A_DEVICE = 24
const AT_ONCE = 4
/** Older than the policy's minimum will be. */
const OLD_APP = '1.9.4'

type Enrolled = { folder: string; isSilent: boolean; personId: string; simulated: SimulatedDevice }

async function main(): Promise<void> {
  const env = readEnv()
  const notes = readNotes(env.dataDir) ?? (await prepare(env))
  tell(notes)
}

async function prepare(env: Env): Promise<Notes> {
  if ((await listTenants()).length > 0)
    throw new Error(
      `${env.dataDir} holds organisations, or a demo that was interrupted: remove it or set GATEHOUSE_DATA_DIR`,
    )
  const { owner, admin, people, password } = await gatherPeople()
  const files = await publishFiles(owner)
  await tightenPolicy(owner, 'Keep what is ours inside the house', (policy) => {
    policy.data.forward = { mode: 'internal', internalDomains: [DOMAIN], askReason: false }
    policy.data.screenshot.mode = 'block'
  })
  const devices = await enrollDevices(env, owner, people)
  await inTurns(devices, async ({ simulated }, turn) => liveThroughTheDay(simulated, files, turn))
  await tightenPolicy(owner, 'Say why before saving a copy; at most three devices each', (policy) => {
    policy.data.download.mode = 'ask_reason'
    policy.devices.maxPerPerson = 3
  })
  await tightenPolicy(admin, 'Old apps stay outside', (policy) => {
    policy.devices.minAppVersion = { agent: '2.3.0' }
    policy.devices.offlineHours = 8
  })
  await loseThree(env, owner, admin, devices)
  for (const { simulated } of devices) await simulated.close()
  const notes = {
    tenantId: owner.actor.tenantId,
    email: OWNER.email,
    password,
    secret: owner.secret,
    devices: devices.map(({ folder, isSilent }) => ({ folder, isSilent })),
    files,
  }
  writeNotes(env.dataDir, notes)
  return notes
}

async function gatherPeople() {
  const password = `harbour-${randomBytes(6).toString('hex')}`
  const { tenantId } = await foundOrganisation(
    { organisation: ORGANISATION, name: OWNER.name, email: OWNER.email, password },
    { by: 'cli' },
  )
  const operator = systemActor(tenantId, 'cli')
  const owner = await signIn({ email: OWNER.email, password, address: '10.20.0.10' })
  const people = [{ id: owner.actor.personId, person: OWNER }]
  let admin = owner
  for (const [turn, person] of STAFF.entries()) {
    const role = person.role === 'member' ? 'admin' : person.role
    const { id, invitation } = await inviteStaff(operator, { email: person.email, name: person.name, role })
    const address = `10.20.0.${11 + turn}`
    const own = { email: person.email, password: await accept(invitation.url, address), address }
    if (person === ADMIN) admin = await signIn(own)
    people.push({ id, person })
  }
  await inTurns(MEMBERS, async (person, turn) => {
    const { id, invitation } = await invitePerson(owner.actor, { email: person.email, name: person.name })
    people.push({ id, person })
    if (turn >= STILL_INVITED) await accept(invitation.url, `10.20.1.${10 + turn}`)
  })
  return { owner, admin, people, password }
}

async function publishFiles({ actor }: Signed): Promise<Notes['files']> {
  const files: Notes['files'] = []
  for (const [turn, document] of DOCUMENTS.entries()) {
    const { audience: reach, ...described } = document
    const some = reach === 'everyone' ? [] : MEMBERS.slice(turn % MEMBERS.length).slice(0, reach)
    const audience = reach === 'everyone' ? reach : [...STAFF, ...some].map(({ email }) => email)
    const { id } = await publishFile(actor, { ...described, audience, content: contentOf(document) })
    files.push({ id, labels: described.labels })
  }
  return files
}

let inForce: PolicyDocument = defaultPolicy()

/** Publishes the next version; none of them loosens anything, so that a recent second factor is enough. */
async function tightenPolicy({ actor }: Signed, note: string, change: (policy: PolicyDocument) => void): Promise<void> {
  const document = structuredClone(inForce)
  change(document)
  const policyId = actor.tenantId
  await saveDraft(actor, { policyId, document })
  await publishTighterPolicy(actor, { policyId, note })
  inForce = document
}

type Somebody = Awaited<ReturnType<typeof gatherPeople>>['people'][number]

/** A phone for everybody, a computer for every other one: about sixty. */
async function enrollDevices(env: Env, { actor }: Signed, people: readonly Somebody[]): Promise<Enrolled[]> {
  const wanted = people.flatMap((somebody, turn) => [
    { ...somebody, turn, kind: 'phone' as const },
    ...(turn % 2 === 0 ? [{ ...somebody, turn, kind: 'computer' as const }] : []),
  ])
  const devices: Enrolled[] = []
  await inTurns(wanted, async ({ id: personId, person, turn, kind }, position) => {
    const { code } = await createEnrollmentCode(actor, { personId })
    const folder = `device-${String(position + 1).padStart(2, '0')}`
    const facts = factsOf(person, turn, kind)
    const isOutdated = position === 17
    const simulated = await enrollDevice({
      dir: deviceDir(env.dataDir, folder),
      caFile: env.tls ? undefined : join(env.dataDir, 'ca.pem'),
      gatewayUrl: env.gatewayUrl,
      code,
      facts: isOutdated ? { ...facts, appVersion: OLD_APP } : facts,
    })
    await fetchPolicy(simulated.device)
    devices.push({ folder, isSilent: position % 9 === 5, personId, simulated })
  })
  return devices.sort((a, b) => (a.folder < b.folder ? -1 : 1))
}

/** Records what its person did in the last day, and hands it in. A few open a file for real, so that there is a vault. */
async function liveThroughTheDay({ device, pretend }: SimulatedDevice, files: Notes['files'], turn: number) {
  const chance = seededRandom(turn + 1)
  for (const at of pastTimes(chance, EVENTS_A_DEVICE, Date.now())) {
    pretend(at)
    await recordAct(device, anAct(chance, pick(files, chance)))
  }
  pretend(null)
  await syncOnce(device)
}

/** One phone is blocked, one erased, and a key asks for a third: that one waits for a person. */
async function loseThree(env: Env, owner: Signed, admin: Signed, devices: readonly Enrolled[]): Promise<void> {
  const connected = devices.filter(({ isSilent, simulated }) => !isSilent && isPhone(simulated) && !isOld(simulated))
  const [erased, blocked, asked] = [connected[6], connected[9], connected[12]]
  if (!erased || !blocked || !asked) throw new Error('there are too few devices')
  const idOf = ({ simulated }: Enrolled) => simulated.device.identity.deviceId
  const listed = await erased.simulated.device.client.files()
  for (const { id: fileId } of listed.items.slice(0, 3))
    await openDeviceFile(erased.simulated.device, { fileId, purpose: 'view' })
  await blockDevice(admin.actor, { deviceId: idOf(blocked), reason: 'Left in a taxi, looking for it' })
  const input = { deviceId: idOf(erased), scope: 'organisation-data' as const, reason: 'lost' }
  await requestWipe(owner.actor, input, await stepUp(owner, requestWipe, input))
  await askByKey(env, owner, idOf(asked))
}

function isPhone({ device }: SimulatedDevice): boolean {
  const { platform } = device.identity.facts
  return platform === 'ios' || platform === 'android'
}

function isOld({ device }: SimulatedDevice): boolean {
  return device.identity.facts.appVersion === OLD_APP
}

async function askByKey({ port, consoleTls }: Env, owner: Signed, deviceId: string): Promise<void> {
  const { token } = await createApiKey(systemActor(owner.actor.tenantId, 'cli'), {
    name: 'Service desk',
    scopes: ['devices:read', 'devices:write', 'devices:wipe'],
  })
  if (consoleTls) return
  const response = await fetch(`http://localhost:${port}/api/v1/devices/${deviceId}/wipe`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scope: 'organisation-data', reason: 'stolen' }),
  })
  if (!response.ok) throw new Error(`the API refused the erase: ${response.status} ${await response.text()}`)
}

/** A few at a time: this machine also runs the server. */
async function inTurns<T>(items: readonly T[], work: (item: T, position: number) => Promise<void>): Promise<void> {
  const waiting = [...items.entries()]
  const line = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await work(next[1], next[0])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, line))
}

function tell({ email, password, secret }: Notes): void {
  const lines = [
    `Demo organisation ${ORGANISATION}; everybody in it is made up`,
    `  Email    ${email}`,
    `  Password ${password}`,
    `  Code     ${codeOf(secret, 1)} within the next half minute; another one: node scripts/demo/code.mjs`,
    `  Secret   ${secret} for an authenticator app`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`gatehouse: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
} finally {
  await closeRuntime()
}
