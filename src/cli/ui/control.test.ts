import { expect, test } from 'bun:test'
import { isForeground } from './control.ts'

test('whose terminal it is', () => {
  expect(isForeground('4242 (natspace) S 4000 4242 4000 34816 4242 4194304 1 2')).toBe(true)
  expect(isForeground('4242 (nat) S (x) S 4000 4242 4000 34816 4000 4194304 1 2')).toBe(false)
})
