import { expect, test } from 'vitest'
import { attemptOf, isPoised, type KeyPress } from './keys.ts'

const NONE = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false }

function press(key: string, code: string, modifiers: Partial<KeyPress> = {}): KeyPress {
  return { ...NONE, key, code, ...modifiers }
}

test.each([
  ['PrintScreen', press('PrintScreen', 'PrintScreen'), 'printscreen'],
  ['Alt+PrintScreen', press('PrintScreen', 'PrintScreen', { altKey: true }), 'printscreen'],
  ['PrintScreen that only its place names', press('Unidentified', 'PrintScreen'), 'printscreen'],
  ['Meta+Shift+3', press('#', 'Digit3', { metaKey: true, shiftKey: true }), 'shortcut'],
  ['Meta+Shift+4', press('4', 'Digit4', { metaKey: true, shiftKey: true }), 'shortcut'],
  ['Meta+Shift+5', press('%', 'Digit5', { metaKey: true, shiftKey: true }), 'shortcut'],
  ['Win+Shift+S', press('S', 'KeyS', { metaKey: true, shiftKey: true }), 'shortcut'],
  ['Ctrl+Shift+S', press('S', 'KeyS', { ctrlKey: true, shiftKey: true }), 'shortcut'],
  ['Ctrl+P', press('p', 'KeyP', { ctrlKey: true }), 'print'],
  ['Cmd+P', press('p', 'KeyP', { metaKey: true }), 'print'],
  ['Ctrl+Shift+P, the system dialogue', press('P', 'KeyP', { ctrlKey: true, shiftKey: true }), 'print'],
  ['Ctrl+P on a Cyrillic layout', press('з', 'KeyP', { ctrlKey: true }), 'print'],
  ['Ctrl+C', press('c', 'KeyC', { ctrlKey: true }), 'copy'],
  ['Ctrl+C on a Dvorak layout', press('c', 'KeyI', { ctrlKey: true }), 'copy'],
  ['Ctrl+Insert', press('Insert', 'Insert', { ctrlKey: true }), 'copy'],
  ['Ctrl+S', press('s', 'KeyS', { ctrlKey: true }), 'save'],
  ['P', press('p', 'KeyP'), null],
  ['Ctrl+Shift+C, the inspector', press('C', 'KeyC', { ctrlKey: true, shiftKey: true }), null],
  ['AltGr+C as Ctrl+Alt', press('ć', 'KeyC', { ctrlKey: true, altKey: true }), null],
  ['Ctrl+L on a Dvorak layout lies where P does', press('l', 'KeyP', { ctrlKey: true }), null],
  ['Meta+Shift+Tab', press('Tab', 'Tab', { metaKey: true, shiftKey: true }), null],
])('%s', (_, one, attempt) => {
  expect(attemptOf(one)).toBe(attempt)
})

test('Meta and Shift are what capture shortcuts begin with', () => {
  expect(isPoised(press('Shift', 'ShiftLeft', { metaKey: true, shiftKey: true }))).toBe(true)
  expect(isPoised(press('Shift', 'ShiftLeft', { shiftKey: true }))).toBe(false)
})
