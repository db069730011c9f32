import { describe, expect, it } from 'vitest'
import { AppError, asAppError } from './errors.ts'

describe('a database that goes away', () => {
  // As seen while PostgreSQL was killed under load.
  const seen = [
    new Error('Client has encountered a connection error and is not queryable'),
    Object.assign(new Error('ConnectionClosed'), { name: 'DriverAdapterError' }),
    new Error('Connection terminated unexpectedly'),
    Object.assign(new Error('the database system is starting up'), { code: '57P03' }),
    Object.assign(new Error('could not extend file: No space left on device'), { code: '53100' }),
    Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    new Error('wrapped', { cause: Object.assign(new Error('read'), { code: 'ECONNRESET' }) }),
  ]
  for (const error of seen) {
    it(`is unavailable, not a bug: ${error.message}`, () => {
      expect(asAppError(error)).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 5, cause: error })
    })
  }

  it('is told as whoever noticed it told it', () => {
    const error = new AppError('unavailable', { detail: 'Narrow its time.', cause: seen[5] })
    expect(asAppError(error)).toBe(error)
  })

  it('is what a clock means that is years ahead', () => {
    const error = Object.assign(new Error('no partition of relation "audit_entry_activity" found for row'), {
      code: '23514',
    })
    expect(asAppError(error)).toMatchObject({ code: 'unavailable', retryAfter: 5, cause: error })
  })

  it('is not what any other error means', () => {
    const bug = new TypeError('ConnectionClosedDoor is not a function')
    expect(asAppError(bug)).toBe(bug)
  })
})
