import { expect, test } from 'bun:test'
import { withSection } from './document.ts'

test('a section is added at the end, and later replaced where it stands', () => {
  const first = withSection('# Title\n', 'cold', 'one')
  const both = withSection(first, 'scale', 'two')
  expect(withSection(both, 'cold', 'three')).toBe(both.replace('one', 'three'))
  expect(both.indexOf('one')).toBeLessThan(both.indexOf('two'))
})

test('writing the same section again changes nothing', () => {
  const once = withSection('# Title\n', 'cold', 'one')
  expect(withSection(once, 'cold', 'one')).toBe(once)
})
