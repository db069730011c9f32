/** What the agent throws, read by its shape: its classes are loaded apart from what is drawn first. */
export type AgentFault = {
  /** `denied`, `offline`, `revoked`, `refused` … (agent/core/errors.ts). */
  code: string
  /** The problem's code, where the server gave one: `policy_denied`, `not_viewable`, `enrollment_code_invalid`. */
  serverCode: string | null
  /** The server's own words. */
  detail: string
  /** The server's reason, where it has a list of them. */
  reason: string | null
}

type Shape = { name?: unknown; code?: unknown; message?: unknown; cause?: unknown; reason?: unknown; detail?: unknown }

/** Null for a bug of ours: nothing that a person could read. */
export function faultOf(error: unknown): AgentFault | null {
  const { name, code, message, cause, reason } = (error ?? {}) as Shape
  if (typeof code !== 'string' || (name !== 'AgentError' && name !== 'GatewayError')) return null
  const answer = (name === 'GatewayError' ? error : cause) as Shape | undefined
  const isAnswered = answer?.name === 'GatewayError'
  return {
    code,
    serverCode: isAnswered && typeof answer.code === 'string' ? answer.code : null,
    detail: isAnswered && typeof answer.message === 'string' ? answer.message : String(message ?? ''),
    reason:
      typeof reason === 'string' ? reason : isAnswered && typeof answer.reason === 'string' ? answer.reason : null,
  }
}
