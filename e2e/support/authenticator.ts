import { Secret, TOTP } from 'otpauth'

const PERIOD_S = 30

/** The app on a person's phone: each code is asked for once, and the next one is there when the present one was used. */
export class Authenticator {
  readonly #totp: TOTP
  readonly #recoveryCodes: string[] = []
  #lastStep = 0
  #lastCode = ''

  constructor(secret: string) {
    this.#totp = new TOTP({ secret: Secret.fromBase32(secret.replace(/\s/g, '')), period: PERIOD_S, digits: 6 })
  }

  /** The codes saved at enrolment; used when the app's own for now and the next half minute are used up. */
  saveRecoveryCodes(codes: readonly string[]): void {
    this.#recoveryCodes.push(...codes)
  }

  /** A code that was never given out before. */
  code(): string {
    const now = Math.floor(Date.now() / 1000 / PERIOD_S)
    const step = Math.max(now, this.#lastStep + 1)
    // The server takes a clock that is one step ahead, no more.
    if (step > now + 1) return this.#recoveryCode()
    this.#lastStep = step
    this.#lastCode = this.#totp.generate({ timestamp: step * PERIOD_S * 1000 })
    return this.#lastCode
  }

  /** The last code of the app once more, which nobody may take. */
  usedCode(): string {
    return this.#lastCode
  }

  #recoveryCode(): string {
    const code = this.#recoveryCodes.pop()
    if (!code) throw new Error('the recovery codes are used up')
    return code
  }
}
