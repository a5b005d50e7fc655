import { expect, test } from 'bun:test'
import { type Asked, errorPayload, FakeNetlinkSocket } from '../../../test/support/fake-netlink-socket.ts'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { Connection } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { errno, SystemError } from '../sys/errno.ts'
import { readListeners } from './read.ts'

const ERROR = 2
const DONE = 3
const ENOENT = 2
const EPROTONOSUPPORT = 93

/** What a dump is about: 'tcp 4'. */
const subjectOf = ({ bytes }: Asked): string =>
  `${{ 6: 'tcp', 17: 'udp', 132: 'sctp' }[bytes[17] as number]} ${bytes[16] === 2 ? 4 : 6}`

const done = ({ sequence }: Asked, number = 0) => ({
  type: DONE,
  sequence,
  payload: new Uint8Array(new Int32Array([-number]).buffer),
})

/** The payloads of the replies of a golden file, by the subject of the request. */
const recorded = (name: string): Map<string, Uint8Array[]> => {
  const found = new Map<string, Uint8Array[]>()
  let subject = ''
  for (const { from, type, hex } of goldenFiles('socket-diag').find(file => file.name === name)?.messages ??
    []) {
    const bytes = fromHex(hex)
    if (from === 'program') subject = subjectOf({ bytes, type: 0, flags: 0, sequence: 0 })
    else if (!type.startsWith('NLMSG_'))
      found.set(subject, [...(found.get(subject) ?? []), bytes.subarray(16)])
  }
  return found
}

/** A kernel that lists what was recorded, and refuses what `refusals` holds an errno for. */
const kernelOf = (refusals: Record<string, number>) => {
  const lists = new Map([...recorded('tcp'), ...recorded('udp')])
  const subjects: string[] = []
  const socket = new FakeNetlinkSocket(([asked]) => {
    if (asked === undefined) return []
    const subject = subjectOf(asked)
    subjects.push(subject)
    const { sequence } = asked
    const refusal = refusals[subject]
    if (refusal !== undefined) return [[done(asked, refusal)]]
    return [(lists.get(subject) ?? []).map(payload => ({ type: 20, sequence, payload })), [done(asked)]]
  })
  return { open: () => Connection.over(socket), subjects }
}

const short = (listeners: ReturnType<typeof readListeners>) =>
  listeners.map(({ protocol, port }) => `${protocol} ${port}`)

const tcp = [8080, 8081, 8082, 8083, 8084, 8085, 8086].map(port => `tcp ${port}`)
const udp = ['udp 5353', 'udp 5354']

test('every transport and family is asked for once, and the answer has one order', () => {
  const { open, subjects } = kernelOf({})
  expect(short(readListeners(open))).toEqual([...tcp, ...udp])
  expect(subjects).toEqual(['tcp 4', 'tcp 6', 'udp 4', 'udp 6', 'sctp 4', 'sctp 6'])
})

test('one transport alone can be asked for', () => {
  const { open, subjects } = kernelOf({})
  expect(short(readListeners(open, 'udp'))).toEqual(udp)
  expect(subjects).toEqual(['udp 4', 'udp 6'])
})

test('a transport that the kernel lacks is not asked for again, and has no listeners', () => {
  const { open, subjects } = kernelOf({ 'sctp 4': ENOENT, 'udp 4': EPROTONOSUPPORT })
  expect(short(readListeners(open))).toEqual(tcp)
  expect(subjects).toEqual(['tcp 4', 'tcp 6', 'udp 4', 'sctp 4'])
})

test('a family that the kernel lacks has no listeners', () => {
  const { open } = kernelOf({ 'tcp 6': ENOENT, 'udp 6': ENOENT, 'sctp 4': ENOENT })
  expect(short(readListeners(open))).toEqual(['tcp 8080', 'tcp 8081', 'tcp 8082', 'udp 5353'])
})

test('a kernel that has no such protocol tells of no listeners', () => {
  const open = () => {
    throw new SystemError('socket', EPROTONOSUPPORT)
  }
  expect(readListeners(open)).toEqual([])
})

test('any other refusal is an error', () => {
  const { open } = kernelOf({ 'udp 6': errno.EPERM })
  expect(() => readListeners(open)).toThrow(NetlinkError)
  const refused = new FakeNetlinkSocket(([asked]) =>
    asked === undefined
      ? []
      : [[{ type: ERROR, sequence: asked.sequence, payload: errorPayload(errno.EACCES, asked) }]],
  )
  expect(() => readListeners(() => Connection.over(refused))).toThrow('EACCES')
  const denied = () => {
    throw new SystemError('socket', errno.EACCES)
  }
  expect(() => readListeners(denied)).toThrow('EACCES')
  const elsewhere = () => {
    throw new SystemError('open', errno.ENOENT, '/run/netns/none')
  }
  expect(() => readListeners(elsewhere)).toThrow('open /run/netns/none: ENOENT')
})
