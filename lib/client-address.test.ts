import { expect, test } from 'vitest'
import { isLoopback, isWithin, normalizeAddress, parseCidr, resolveOrigin } from './client-address.ts'

const trusted = ['10.0.0.0/8', '2001:db8::/32', '::1'].map(parseCidr)

test('from an untrusted peer every forwarded value is ignored', () => {
  const forged = {
    peer: '203.0.113.9',
    forwardedFor: '10.1.1.1',
    forwardedProto: 'https',
    forwardedHost: 'evil.example',
  }
  expect(resolveOrigin(forged, trusted)).toEqual({ address: '203.0.113.9', viaProxy: false })
})

test('a client cannot put an address before the one its proxy saw', () => {
  const origin = resolveOrigin({ peer: '10.0.0.1', forwardedFor: '1.1.1.1, 203.0.113.9' }, trusted)
  expect(origin).toEqual({ address: '203.0.113.9', viaProxy: true })
})

test('a chain of trusted proxies is followed to the client', () => {
  const forwardedFor = '198.51.100.7, 10.2.2.2, [2001:db8::5]:443'
  expect(resolveOrigin({ peer: '::ffff:10.0.0.1', forwardedFor, forwardedProto: 'http, HTTPS' }, trusted)).toEqual({
    address: '198.51.100.7',
    viaProxy: true,
    proto: 'https',
  })
})

test('an entry that is no address ends the walk at the last known hop', () => {
  expect(resolveOrigin({ peer: '10.0.0.1', forwardedFor: '198.51.100.7, unknown' }, trusted).address).toBe('10.0.0.1')
  expect(resolveOrigin({ peer: '10.0.0.1', forwardedFor: '' }, trusted).address).toBe('10.0.0.1')
})

test.each(['1', '0x7f.1', '010.0.0.1', '', 'localhost', '1.2.3.4.5', ':'])('%j is no address', (text) => {
  expect(normalizeAddress(text)).toBeUndefined()
  expect(isWithin(text, trusted)).toBe(false)
})

test('loopback in every form', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true)
  expect(['10.0.0.1', '::', undefined].some(isLoopback)).toBe(false)
})
