import { expect, test } from 'vitest'
import nextConfig from '../next.config.ts'
import { ASSET_HEADERS, frameHeaders } from './headers.ts'

test("Next's own headers agree with the viewer's", async () => {
  const rules = (await nextConfig('phase-production-build').headers?.()) ?? []
  const given = (source: string) => {
    const { headers = [] } = rules.find((rule) => rule.source === source) ?? {}
    return Object.fromEntries(headers.map(({ key, value }) => [key, value]))
  }
  expect(rules.map(({ source }) => source)).toEqual(['/:path*', '/viewer/:path+', '/viewer/frame'])
  expect(given('/viewer/:path+')).toEqual(ASSET_HEADERS)
  expect(frameHeaders('https://console.example')).toMatchObject(given('/viewer/frame'))
})
