import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTranslator } from 'use-intl/core'
import { describe, expect, it } from 'vitest'
import { SYSTEM_ACTORS, systemWords } from '#components/audit/system-actors.ts'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { RESTORE } from '#server/kernel/frozen-log.ts'

/** Every name that a part of the product acts under, as its sources have it. */
function namesInSources(): string[] {
  const files = ['server', 'gateway', 'cli'].flatMap((dir) =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((file) => join(dir, file)),
  )
  const texts = files
    .filter((file) => /\.ts$/.test(file) && !/\.test\.ts$/.test(file))
    .map((file) => readFileSync(file, 'utf8'))
  const written = texts.flatMap((text) =>
    [...text.matchAll(/systemActor\(.+?, '(\w+)'\)/g)].map(([, name]) => name ?? ''),
  )
  // Founding is told its name by the door it comes through.
  const doors = texts.flatMap((text) => /type FoundingDoor = .*/.exec(text)?.[0].match(/(?<=by: ')\w+/g) ?? [])
  return [...new Set([...written, ...doors, RESTORE])].sort()
}

describe('our own parts as actors', () => {
  const words = (locale: 'en' | 'zh') =>
    createTranslator({ locale, messages: { en, zh }[locale], namespace: 'names' }) as Parameters<typeof systemWords>[0]

  it('are all known by a name of their own, in both languages', () => {
    expect(namesInSources()).toEqual([...SYSTEM_ACTORS].sort())
    for (const locale of ['en', 'zh'] as const) {
      const shown = SYSTEM_ACTORS.map((name) => systemWords(words(locale), name))
      expect(new Set(shown).size).toBe(SYSTEM_ACTORS.length)
      expect(shown.filter((text, at) => text === SYSTEM_ACTORS[at])).toEqual([])
    }
  })

  it('and history that names nobody; any other name stays', () => {
    expect(systemWords(words('en'), 'import old dms')).toBe('Import “old dms”')
    expect(systemWords(words('zh'), 'brake')).toBe('安全闸')
    expect(systemWords(words('en'), 'Ana Brake')).toBeNull()
  })
})
