import { describe, expect, test } from 'bun:test'
import { errno, errnoName, SystemError } from '../sys/errno.ts'
import { NetlinkError } from './errors.ts'

describe('errnoName', () => {
  test('names what the code decides on', () => {
    for (const [name, number] of Object.entries(errno)) expect(errnoName(number)).toBe(name)
  })
  test('of two names takes the one that the manual prefers', () => {
    expect(errnoName(11)).toBe('EAGAIN')
    expect(errnoName(95)).toBe('EOPNOTSUPP')
  })
  test('numbers without a name stay numbers', () => {
    expect(errnoName(0)).toBe('errno 0')
    expect(errnoName(4242)).toBe('errno 4242')
  })
})

describe('errors tell their facts', () => {
  test('SystemError', () => {
    expect(new SystemError('open', 2, '/nosuch')).toMatchObject({
      message: 'open /nosuch: ENOENT',
      call: 'open',
      errno: 2,
      code: 'ENOENT',
      path: '/nosuch',
    })
    expect(new SystemError('setns', 1).message).toBe('setns: EPERM')
  })
  test('NetlinkError, with whatever the kernel said', () => {
    const facts = { operation: 'RTM_NEWLINK', request: 2, errno: 34 }
    expect(new NetlinkError(facts).message).toBe('RTM_NEWLINK: ERANGE')
    expect(new NetlinkError({ ...facts, kernelMessage: 'Too long' }).message).toBe(
      'RTM_NEWLINK: ERANGE (Too long)',
    )
    expect(new NetlinkError({ ...facts, attributePath: ['linkInfo', 'veth'] }).message).toBe(
      'RTM_NEWLINK: ERANGE (at linkInfo.veth)',
    )
  })
})
