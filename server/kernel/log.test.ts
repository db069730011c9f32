import { expect, test } from 'vitest'
import { createLog } from './log.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown> {
  const lines: string[] = []
  write(createLog('console', { level: 'info' }, { write: (line) => void lines.push(line) }))
  expect(lines).toHaveLength(1)
  return JSON.parse(lines[0] ?? '')
}

test('a line is JSON with level, component and time', () => {
  const line = logged((log) => log.info('ready'))
  expect(line).toMatchObject({ level: 'info', component: 'console', msg: 'ready' })
  expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/)
})

test('secrets are struck out at the top and inside a request', () => {
  const secrets = { authorization: 's3cret', cookie: 's3cret', dpop: 's3cret' }
  const line = logged((log) =>
    log.info({ password: 's3cret', token: 's3cret', code: 's3cret', req: { headers: secrets } }, 'x'),
  )
  expect(JSON.stringify(line)).not.toContain('s3cret')
  expect(line.password).toBe('[redacted]')
})

test('an error keeps message, stack and cause, and loses the values that libraries hang on it', () => {
  const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(ann@example.org)' })
  const line = logged((log) => log.error({ err: new Error('failed', { cause }) }))
  expect(line.err).toMatchObject({ message: 'failed', cause: { message: 'duplicate key', errorCode: '23505' } })
  expect(JSON.stringify(line)).not.toContain('ann@example.org')
})
