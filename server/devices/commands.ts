import 'server-only'

// What devices ask for, through the gateway.
export { type AuthenticatedDevice, deviceFromToken } from './authenticate.ts'
export { type ClaimedDevice, claimDevice, claimProof, type DeviceClaim, isEnrollmentCurrent } from './claims.ts'
export { markCommandsDelivered, type WaitingCommand, waitingCommands } from './deliver.ts'
export { type Enrolment, enrollDevice } from './enroll.ts'
// What the consoles' doors ask for.
export { createEnrollmentCode, createOwnEnrollmentCode, revokeEnrollmentCode } from './enrollment-codes.ts'
export { ingestDeviceEvents } from './events.ts'
export { reportFacts, rotateKeys } from './facts.ts'
export { approveDevice, blockDevice, retireDevice, unblockDevice, updateDevice } from './lifecycle.ts'
export { blockOwnDevice, leaveService } from './own-devices.ts'
export { type Contact, recordPresence } from './presence.ts'
export { subscribePush } from './push.ts'
export { acceptReceipt } from './receipts.ts'
export { unlockShare } from './unlock.ts'
export { requestWipe } from './wipe.ts'
