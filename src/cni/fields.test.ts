import { expect, test } from 'bun:test'
import { CniError, cniCode } from './error.ts'
import { Fields } from './fields.ts'

const codeOf = (work: () => unknown): number | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof CniError ? error.code : -1
  }
}

test('containerd writes the keys of a port in capitals', () => {
  const fields = new Fields({ HostPort: 8080, ContainerPort: 80, Protocol: 'tcp', HostIP: '' }, 'port')
  fields.allow('hostPort', 'containerPort', 'protocol', 'hostIP')
  expect(fields.number('hostPort', 1, 65_535)).toBe(8080)
  expect(fields.text('protocol')).toBe('tcp')
})

test('the very spelling comes first, and both spellings at once are refused', () => {
  const fields = new Fields({ NAME: 'a', name: 'b' }, '')
  expect(fields.text('name')).toBe('b')
  expect(codeOf(() => fields.allow('name'))).toBe(cniCode.configuration)
})

test('what nobody knows is refused in any spelling, but for keys that belong to others', () => {
  expect(codeOf(() => new Fields({ Other: 1 }, '').allow('name'))).toBe(cniCode.unsupportedField)
  expect(codeOf(() => new Fields({ 'cni.dev/x': 1, 'A.B': 2, 'a.b': 3 }, '').allow('name'))).toBeUndefined()
})
