// Answers belong to standard output: the processes' logs must not mix with them. Set before any module makes its logger.
process.env.LOG_LEVEL ??= 'silent'

const { runProgram } = await import('./program.ts')
process.exitCode = await runProgram(process.argv)

export {}
