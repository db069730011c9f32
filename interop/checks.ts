/** The checks of one suite, run in order; the process ends with 1 where one failed. */
export class Checks {
  #passed = 0
  #failed = 0
  #skipped = 0
  readonly #suite: string

  constructor(suite: string) {
    this.#suite = suite
  }

  /** Runs one check; what it returns in words stands behind its name. */
  async check(name: string, run: () => Promise<string | undefined>): Promise<void> {
    try {
      const told = await run()
      this.#passed++
      console.log(`  ok       ${name}${told ? ` (${told})` : ''}`)
    } catch (error) {
      this.#failed++
      console.log(`  FAILED   ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  skip(name: string, why: string): void {
    this.#skipped++
    console.log(`  skipped  ${name}: ${why}`)
  }

  end(): void {
    console.log(`${this.#suite}: ${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`)
    process.exitCode = this.#failed > 0 ? 1 : 0
  }
}
