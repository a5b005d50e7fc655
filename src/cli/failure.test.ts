import { expect, test } from 'bun:test'
import { NetlinkError } from '../linux/netlink/errors.ts'
import type { Answer } from '../linux/probe.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { NamespaceError } from '../linux/sys/namespace.ts'
import { failureOf } from './failure.ts'
import { Output } from './output.ts'
import { reportFailure } from './report-failure.ts'
import { styleOf } from './style.ts'

const refused = (errno: number) => new NetlinkError({ operation: 'RTM_NEWLINK', request: 0, errno })

test('missing privilege is 4, a missing feature 6, whoever found it', () => {
  for (const error of [
    refused(1),
    refused(13),
    new SystemError('setns', 1),
    new NamespaceError('/x', 'no-access'),
  ])
    expect(failureOf(error)).toMatchObject({ code: 'NOT_PERMITTED', exit: 4 })
  const lacking = (answer: Answer) => () => answer
  const no = lacking({ answer: 'no', option: 'CONFIG_NF_TABLES', evidence: 'no such socket' })
  for (const errno of [95, 93, 97, 22])
    expect(failureOf(refused(errno), no)).toMatchObject({ code: 'KERNEL_FEATURE_MISSING', exit: 6 })
  // The same refusals of a kernel that has everything are what they are.
  for (const errno of [95, 22])
    expect(failureOf(refused(errno), lacking({ answer: 'yes' }))).toMatchObject({
      code: 'SYSTEM_ERROR',
      exit: 1,
    })
})

test('other refusals of the kernel are 1, with its words', () => {
  expect(failureOf(refused(17))).toMatchObject({ code: 'SYSTEM_ERROR', exit: 1, why: 'RTM_NEWLINK: EEXIST' })
  expect(failureOf(new NamespaceError('/run/netns/x', 'missing'))).toMatchObject({
    code: 'NO_NAMESPACE',
    exit: 1,
  })
})

const printed = (error: unknown, verbose: boolean): string => {
  let text = ''
  const style = styleOf(false)
  const sink = { out: () => {}, err: (more: string) => (text += more) }
  reportFailure(
    new Output(sink, { json: false, quiet: true, verbose, style, errorStyle: style }),
    'up',
    failureOf(error),
  )
  return text
}

test('a mistake of natspace is INTERNAL, and shows where it arose only with -v', () => {
  const error = new TypeError('x is not a function')
  expect(failureOf(error)).toMatchObject({ code: 'INTERNAL', exit: 1 })
  expect(printed(error, false)).not.toContain('failure.test.ts')
  expect(printed(error, true)).toContain('failure.test.ts')
  expect(failureOf('thrown text')).toMatchObject({ code: 'INTERNAL' })
})

test('nothing of the outside world reaches the terminal unescaped', () => {
  expect(printed(new Error('bad \x1b[2J\r\u202e name'), true)).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/)
})
