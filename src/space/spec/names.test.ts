import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { isCreatableInterfaceName } from '../../linux/net/interface-name.ts'
import { NAMESPACE_NAME_PATTERN } from '../../linux/net/namespace-name.ts'
import { hostInterfaceName, namespacePath } from './names.ts'

test('short names are visible in the interface', () => {
  expect(hostInterfaceName('web')).toBe('veth-web')
  expect(hostInterfaceName('abcdefghij')).toBe('veth-abcdefghij')
  expect(namespacePath('web')).toBe('/run/netns/web')
})

test('long names are hashed, the same each time: the names are on running hosts, so the hash must never change', () => {
  expect(hostInterfaceName('abcdefghijk')).toBe(hostInterfaceName('abcdefghijk'))
  expect(hostInterfaceName('a-name-of-a-space')).toBe('veth-brpjqwgkvd')
  expect(hostInterfaceName('web', 1)).toBe('veth-l0gaw0ow2g')
})

test('every name can be created, on every attempt', () => {
  fc.assert(
    fc.property(fc.stringMatching(NAMESPACE_NAME_PATTERN), fc.nat(20), (name, attempt) => {
      expect(isCreatableInterfaceName(hostInterfaceName(name, attempt))).toBe(true)
    }),
  )
})

test('100,000 alike names do not collide', () => {
  const names = new Set(
    Array.from({ length: 100_000 }, (_, i) => hostInterfaceName(`a-name-of-a-space-${i}`)),
  )
  expect(names.size).toBe(100_000)
})
