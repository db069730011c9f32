import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { knownGatewayUrl, rememberGatewayUrl } from './gateway-address.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-address-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

describe('the gateway’s public address', () => {
  const unset = { dataDir, gatewayUrl: 'https://localhost:8443' }

  test('is the setting; without it what the instance last ran with; before the first start the default', () => {
    expect(knownGatewayUrl(unset, {})).toBe('https://localhost:8443')
    rememberGatewayUrl({ dataDir, gatewayUrl: 'https://old.example.org' })
    rememberGatewayUrl({ dataDir, gatewayUrl: 'https://gate.example.org:9443' })
    expect(knownGatewayUrl(unset, {})).toBe('https://gate.example.org:9443')
    expect(knownGatewayUrl(unset, { GATEHOUSE_GATEWAY_URL: '' })).toBe('https://gate.example.org:9443')
    const set = { dataDir, gatewayUrl: 'https://new.example.org' }
    expect(knownGatewayUrl(set, { GATEHOUSE_GATEWAY_URL: set.gatewayUrl })).toBe('https://new.example.org')
  })
})
