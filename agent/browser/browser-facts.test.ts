import { describe, expect, it } from 'vitest'
import { factsSchema } from '#protocol/device/messages.ts'
import { browserFacts, type NavigatorFacts } from './browser-facts.ts'

const MOZILLA = 'Mozilla/5.0'
const KHTML = 'AppleWebKit/537.36 (KHTML, like Gecko)'

const hints = (platform: string, platformVersion: string, model = '') => ({
  getHighEntropyValues: async () => ({ platform, platformVersion, model }),
})

describe('facts of a browser', () => {
  it.each<[string, string, string | undefined, NavigatorFacts]>([
    [
      'Chrome on Android',
      'Android 15, Chrome 142',
      'Pixel 8',
      {
        userAgent: `${MOZILLA} (Linux; Android 10; K) ${KHTML} Chrome/142.0.0.0 Mobile Safari/537.36`,
        userAgentData: hints('Android', '15.0.0', 'Pixel 8'),
      },
    ],
    [
      'Edge on Windows',
      'Windows 11, Edge 142',
      undefined,
      {
        userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) ${KHTML} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`,
        userAgentData: hints('Windows', '19.0.0'),
      },
    ],
    [
      'Safari on iOS',
      'iOS 18.5, Safari 18',
      undefined,
      {
        userAgent: `${MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1`,
      },
    ],
    [
      'Chrome on iOS',
      'iOS 18.5, Chrome 140',
      undefined,
      {
        userAgent: `${MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.7339.101 Mobile/15E148 Safari/604.1`,
      },
    ],
    [
      'Safari on iPadOS',
      'iPadOS, Safari 18',
      undefined,
      {
        userAgent: `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15`,
        maxTouchPoints: 5,
      },
    ],
    [
      'Firefox on Linux',
      'Linux, Firefox 145',
      undefined,
      { userAgent: `${MOZILLA} (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0` },
    ],
    [
      'Chrome on Linux',
      'Linux, Chrome 142',
      undefined,
      {
        userAgent: `${MOZILLA} (X11; Linux x86_64) ${KHTML} HeadlessChrome/142.0.0.0 Safari/537.36`,
        userAgentData: {
          getHighEntropyValues: async () => {
            throw new Error('withheld')
          },
        },
      },
    ],
    ['Browser', 'unknown', undefined, { userAgent: 'Something else' }],
  ])('%s', async (name, osVersion, model, from) => {
    const facts = await browserFacts('0.1.0', from)
    expect(factsSchema.parse(facts)).toEqual(facts)
    expect(facts).toMatchObject({ name, osVersion, platform: 'browser', appVersion: '0.1.0' })
    expect(facts.model).toBe(model)
    expect(facts.capabilities).toMatchObject({ preventCapture: false, detectCapture: true, keyStore: 'file' })
  })
})
