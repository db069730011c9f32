import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { type PolicyFault, parsePolicy } from '#protocol/policy/document.ts'
import { PLATFORMS } from '#protocol/policy/platforms.ts'
import { TEMPLATE_LIMITS } from './_components/policy-text.ts'

/** The document that a form states; each field is named by its path. Not yet checked. */
function documentOf(form: FormData): unknown {
  const text = (name: string) => String(form.get(name) ?? '').trim()
  const number = (name: string) => (text(name) === '' ? Number.NaN : Number(text(name)))
  const isOn = (name: string) => text(name) === 'on'
  const factorMode = text('signIn.secondFactor.mode')
  const minimums = ['agent', ...PLATFORMS].map((name) => [name, text(`devices.minAppVersion.${name}`)] as const)
  return {
    schema: 1,
    data: {
      screenshot: { mode: text('data.screenshot.mode') },
      forward: {
        mode: text('data.forward.mode'),
        internalDomains: domainsOf(text('data.forward.internalDomains')),
        askReason: isOn('data.forward.askReason'),
      },
      download: { mode: text('data.download.mode') },
      print: { mode: text('data.print.mode') },
      copy: { mode: text('data.copy.mode') },
      watermark: { mode: text('data.watermark.mode'), template: text('data.watermark.template') },
    },
    devices: {
      maxPerPerson: text('devices.maxPerPerson') === '' ? null : number('devices.maxPerPerson'),
      minAppVersion: Object.fromEntries(minimums.filter(([, version]) => version !== '')),
      offlineHours: number('devices.offlineHours'),
      approval: text('devices.approval'),
      browser: {
        enrol: text('devices.browser.enrol'),
        offlineContent: isOn('devices.browser.offlineContent'),
      },
    },
    signIn: {
      secondFactor: {
        mode: factorMode,
        from:
          factorMode === 'from' && text('signIn.secondFactor.from') !== ''
            ? `${text('signIn.secondFactor.from')}T00:00:00.000Z`
            : null,
        graceDays:
          factorMode === 'off' && text('signIn.secondFactor.graceDays') === ''
            ? 0
            : number('signIn.secondFactor.graceDays'),
      },
    },
  }
}

function domainsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .toLowerCase()
        .split(/[\s,;]+/)
        .filter((domain) => domain !== ''),
    ),
  ]
}

/** The parsed document of a form, or what the form answers: each fault stands at its field. */
export async function readPolicyForm(form: FormData) {
  const parsed = parsePolicy(documentOf(form))
  return parsed.ok ? { document: parsed.policy } : { answer: await faultsState(parsed.errors) }
}

async function faultsState(faults: readonly PolicyFault[]): Promise<FormState> {
  const t = await getTranslations('policies.invalid')
  const fields: Record<string, string> = {}
  for (const { path } of faults) fields[path.replace(/\.\d+$/, '')] = t(kindOf(path), TEMPLATE_LIMITS)
  return { status: 'error', message: t('form'), fields }
}

function kindOf(path: string): 'version' | 'domain' | 'number' | 'date' | 'template' | 'other' {
  if (path.startsWith('devices.minAppVersion.')) return 'version'
  if (path.startsWith('data.forward.internalDomains')) return 'domain'
  if (path === 'signIn.secondFactor.from') return 'date'
  if (path === 'data.watermark.template') return 'template'
  return /(maxPerPerson|offlineHours|graceDays)$/.test(path) ? 'number' : 'other'
}
