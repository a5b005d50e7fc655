import { expect, test } from 'bun:test'
import { lockOptions, statePathsOf } from './environment.ts'

test('the state folder is /run/natspace, or an absolute path of NATSPACE_STATE', () => {
  expect(statePathsOf({}).root).toBe('/run/natspace')
  expect(statePathsOf({ NATSPACE_STATE: '' }).root).toBe('/run/natspace')
  expect(statePathsOf({ NATSPACE_STATE: '/tmp/x//' }).spaces).toBe('/tmp/x/spaces')
  expect(() => statePathsOf({ NATSPACE_STATE: 'x' })).toThrow(/must be an absolute path/)
})

test('NATSPACE_LOCK_TIMEOUT is in seconds', () => {
  expect(lockOptions({})).toEqual({})
  expect(lockOptions({ NATSPACE_LOCK_TIMEOUT: '0.25' })).toEqual({ lockPatience: 250 })
  expect(lockOptions({ NATSPACE_LOCK_TIMEOUT: '0' })).toEqual({ lockPatience: 0 })
  for (const text of ['soon', '-1', '1e3', '1s', ' 1', 'Infinity'])
    expect(() => lockOptions({ NATSPACE_LOCK_TIMEOUT: text })).toThrow(/number of seconds/)
})
