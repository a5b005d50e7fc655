import { expect, test } from 'bun:test'
import { leftBehind } from './left-behind.ts'

const before = ['interface: lo', 'route: default', 'setting: forward=0']

test('an unchanged sandbox has nothing left behind', () => {
  expect(leftBehind(before, before.toReversed())).toBe('nothing')
})

test('what is new, changed and gone is told apart', () => {
  expect(leftBehind(before, ['interface: lo', 'setting: forward=1', 'file: a', 'file: b'])).toBe(
    '1 × setting, 2 × file, 1 × route gone',
  )
})
