import { expect, test } from 'bun:test'
import { isNamespaceName, MAX_NAMESPACE_NAME } from './namespace-name.ts'

test.each(['myspace', 'a', '0', 'A.b_c-d', 'x'.repeat(MAX_NAMESPACE_NAME)])('a namespace may be %s', name => {
  expect(isNamespaceName(name)).toBe(true)
})

test.each([
  '',
  '.',
  '..',
  '.a',
  '-a',
  '_a',
  'a/b',
  '../x',
  'a\n',
  'a\0',
  'ä',
  'a b',
  'x'.repeat(MAX_NAMESPACE_NAME + 1),
])('no namespace is %j', name => {
  expect(isNamespaceName(name)).toBe(false)
})
