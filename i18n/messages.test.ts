import { globSync, readFileSync } from 'node:fs'
import compile from 'icu-minify/compile'
import { describe, expect, it } from 'vitest'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { messageUses } from './message-use.ts'

const english = flatten(en)
const chinese = flatten(zh)

describe('the two languages', () => {
  it('have the same messages', () => {
    expect({ onlyEnglish: missing(english, chinese), onlyChinese: missing(chinese, english) }).toEqual({
      onlyEnglish: [],
      onlyChinese: [],
    })
  })

  it('fill the same places in each message', () => {
    const different = [...english.keys()]
      .filter((key) => chinese.has(key))
      .map((key) => ({ key, en: placesOf(english.get(key) ?? ''), zh: placesOf(chinese.get(key) ?? '') }))
      .filter((pair) => pair.en.join() !== pair.zh.join())
    expect(different).toEqual([])
  })

  it('leave no message empty', () => {
    const empty = [...english, ...chinese].filter(([, text]) => text.trim() === '').map(([key]) => key)
    expect(empty).toEqual([])
  })

  it('import every file of messages', () => {
    const files = globSync('messages/en/*.json').map((path) => path.replace(/^.*[/\\]|\.json$/g, ''))
    expect(Object.keys(en).sort()).toEqual(files.sort())
    expect(Object.keys(zh).sort()).toEqual(files.sort())
  })
})

describe('the code', () => {
  it('asks only for messages that exist', () => {
    const paths = globSync('{app,components,server}/**/*.{ts,tsx}', { exclude: (path) => path.includes('generated') })
    const unknown = paths.flatMap((path) =>
      messageUses(path, readFileSync(path, 'utf8'))
        .filter((use) => !exists(use.key, use.prefix))
        .map((use) => `${path}:${use.line} ${use.key}`),
    )
    expect(unknown).toEqual([])
  })
})

describe('messageUses', () => {
  it('reads namespaces, beginnings and both sides of a choice', () => {
    const source = `
      function A() { const t = useTranslations('x'); return t('a') + t.rich(\`b.\${c}\`) + t(d ? 'e' : 'f') }
      async function B() { const t = await getTranslations({ locale, namespace: 'y' }); return t('a') }
      function C(t) { return t('not ours') }`
    expect(messageUses('a.ts', source).map(({ key, prefix }) => [key, prefix])).toEqual([
      ['x.a', false],
      ['x.b.', true],
      ['x.e', false],
      ['x.f', false],
      ['y.a', false],
    ])
  })
})

function exists(key: string, prefix: boolean): boolean {
  if (!prefix) return english.has(key) || [...english.keys()].some((known) => known.startsWith(`${key}.`))
  return [...english.keys()].some((known) => known.startsWith(key))
}

function flatten(tree: object, path = ''): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([name, value]): [string, string][] => {
      const key = path ? `${path}.${name}` : name
      return typeof value === 'string' ? [[key, value]] : [...flatten(value, key)]
    }),
  )
}

function missing(from: Map<string, string>, to: Map<string, string>): string[] {
  return [...from.keys()].filter((key) => !to.has(key))
}

/** Names of arguments and tags; a plural's branches may differ between languages, its places may not. */
function placesOf(message: string): string[] {
  const names = new Set<string>()
  collect(compile(message), names)
  return [...names].sort()
}

function collect(node: unknown, names: Set<string>, isList = true) {
  if (!Array.isArray(node)) {
    if (typeof node === 'object' && node !== null) for (const branch of Object.values(node)) collect(branch, names)
    return
  }
  const [head, ...rest] = node
  if (!isList && typeof head === 'string') names.add(head)
  for (const child of isList ? node : rest) collect(child, names, false)
}
