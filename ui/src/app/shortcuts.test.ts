import { expect, test } from 'bun:test'
import { shortcutOf } from './shortcuts.ts'

const press = (key: string, more = {}) =>
  shortcutOf({ key, ctrlKey: false, metaKey: false, altKey: false, typing: false, ...more })

test('a digit goes to a view, in their order', () => {
  expect(press('1')).toEqual({ does: 'view', view: 'topology' })
  expect(press('5')).toEqual({ does: 'view', view: 'lesson' })
  for (const key of ['0', '9', 'Enter', '', ' ', '1.5']) expect(press(key)).toBeUndefined()
})

test('who types is left alone, and so is what belongs to the browser', () => {
  for (const more of [{ typing: true }, { ctrlKey: true }, { metaKey: true }, { altKey: true }])
    expect(press('?', more)).toBeUndefined()
  expect(press('?')).toEqual({ does: 'help' })
})
