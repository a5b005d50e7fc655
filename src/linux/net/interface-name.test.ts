import { expect, test } from 'bun:test'
import { isCreatableInterfaceName, isKernelInterfaceName } from './interface-name.ts'

test.each(['eth0', 'a"b', 'x;drop', '\x1b[31m', 'ünter', 'abcdefghijklmno', '-x', 'lo'])(
  'the kernel takes %j',
  name => {
    expect(isKernelInterfaceName(name)).toBe(true)
  },
)

// 'à' is c3 a0 in UTF-8, and a0 is white space to the kernel.
test.each(['', '.', '..', 'a/b', 'a:b', 'a b', 'a\tb', 'a\0b', 'à', 'abcdefghijklmnop', 'üüüüüüüü'])(
  'the kernel refuses %j',
  name => {
    expect(isKernelInterfaceName(name)).toBe(false)
    expect(isCreatableInterfaceName(name)).toBe(false)
  },
)

test.each(['veth1', 'eth0.100', 'Veth_a-b', 'abcdefghijklmno', '...'])('we create %j', name => {
  expect(isCreatableInterfaceName(name)).toBe(true)
  expect(isKernelInterfaceName(name)).toBe(true)
})

test.each(['lo', 'all', 'default', '-x', 'a"b', 'x\n', 'ünter', 'a*', 'a%d'])('we do not create %j', name => {
  expect(isCreatableInterfaceName(name)).toBe(false)
})
