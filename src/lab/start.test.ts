import { expect, test } from 'bun:test'
import { findProgram, originArgument, ownCommand, refusal, takeOrigin } from './start.ts'

const origin = { net: 'net:[4026531840]', mnt: 'mnt:[4026531841]' }

test('the hidden argument carries what the namespaces were', () => {
  expect(originArgument(origin)).toBe('--inside=4026531840,4026531841')
  expect(takeOrigin(['--json', originArgument(origin), 'run'])).toEqual({ origin, args: ['--json', 'run'] })
})

test('a start by hand has no origin, and what belongs to another program is not looked at', () => {
  expect(takeOrigin(['run', '--json'])).toEqual({ origin: undefined, args: ['run', '--json'] })
  const words = ['shell', '--', 'echo', '--inside=1,2']
  expect(takeOrigin(words)).toEqual({ origin: undefined, args: words })
  expect(takeOrigin(['--inside=here', 'run']).origin).toBeUndefined()
})

test('the compiled command starts itself, and the runtime starts its script again', () => {
  expect(ownCommand('/usr/bin/natspace', '/$bunfs/root/natspace')).toEqual(['/usr/bin/natspace'])
  expect(ownCommand('/usr/bin/bun', '/src/cli/main.ts')).toEqual(['/usr/bin/bun', '/src/cli/main.ts'])
})

test('a program is found in PATH, and in no relative folder of it', () => {
  expect(findProgram('sh', '/nowhere:/bin')).toBe('/bin/sh')
  expect(findProgram('sh', '.:bin:')).toBeUndefined()
  expect(findProgram('no-such-program', '/bin')).toBeUndefined()
})

test('a refusal names the setting that is guilty, its value, and the cure', () => {
  const error = refusal(
    { 'kernel.unprivileged_userns_clone': '1', 'user.max_user_namespaces': '0' },
    'unshare: unshare failed: No space left on device',
    true,
  )
  expect(error).toMatchObject({ code: 'LAB_REFUSED', exit: 4 })
  expect(error.why).toContain('user.max_user_namespaces = 0')
  expect(error.why).not.toContain('unprivileged_userns_clone')
  expect(error.evidence).toEqual([
    'unshare: unshare failed: No space left on device',
    'kernel.unprivileged_userns_clone = 1',
    'user.max_user_namespaces = 0',
  ])
  expect(error.fix[0]).toBe('sudo sysctl -w user.max_user_namespaces=15000')
})

test('the restriction of AppArmor refuses when it is on', () => {
  const values = { 'kernel.apparmor_restrict_unprivileged_userns': '1' }
  expect(refusal(values, 'denied', true).fix[0]).toBe(
    'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  )
})

test('where no setting is guilty none is blamed; root is told about its privilege', () => {
  expect(refusal({ 'user.max_user_namespaces': '96364' }, 'denied', true).fix).toEqual([
    'run it as root: sudo natspace lab …',
  ])
  expect(refusal({}, 'denied', false).why).toContain('root may not make namespaces')
})
