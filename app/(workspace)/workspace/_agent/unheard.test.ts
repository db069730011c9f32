import { expect, test } from 'vitest'
import type { PolicyBundle } from '#protocol/device/policy-bundle.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'
import { mustHear } from './unheard.ts'

function bundleWith(offlineContent: boolean): PolicyBundle {
  const document = defaultPolicy()
  document.devices.browser.offlineContent = offlineContent
  return { document } as PolicyBundle
}

test('only a policy that lets content be kept lets it be shown without the server; none does not', () => {
  expect([null, bundleWith(false), bundleWith(true)].map((policy) => mustHear({ policy }))).toEqual([true, true, false])
})
