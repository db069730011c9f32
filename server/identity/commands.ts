export { acceptInvitationWithPassword, foundOrganisation } from './accounts.ts'
export { createApiKey, revokeApiKey } from './api-keys.ts'
export { beginEnrolment, confirmEnrolment } from './enrolment.ts'
export { changePassword } from './password-commands.ts'
export { issuePasswordReset, resetPasswordWithLink, resetSecondFactor } from './resets.ts'
export {
  type Confirmed,
  confirmFactor,
  passSecondFactor,
  regenerateRecoveryCodes,
  removeSecondFactor,
} from './second-factor.ts'
export { revokeOtherSessions, revokePersonSessions, revokeSession, signOut } from './session-commands.ts'
export { openSession } from './sessions.ts'
export { type Verified, verifyCredentials } from './sign-in.ts'
