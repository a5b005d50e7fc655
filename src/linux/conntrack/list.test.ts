/** What kernels answer that are not the one at hand: older ones, and those without connection tracking. */
import { describe, expect, test } from 'bun:test'
import {
  type Asked,
  type Datagram,
  errorPayload,
  FakeNetlinkSocket,
} from '../../../test/support/fake-netlink-socket.ts'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { Connection } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { errno, SystemError } from '../sys/errno.ts'
import { deleteFlows } from './delete.ts'
import { decodeFlow } from './flow.ts'
import { lacksConntrack, listFlows } from './list.ts'
import { conntrackMessage, messageTypes } from './message.ts'

const ERROR = 2
const DONE = 3

/** Payloads of golden flows: two of UDP, to port 77 and to port 9000. */
const payloads = (goldenFiles('conntrack').find(({ name }) => name === 'delete-port')?.messages ?? [])
  .filter(({ from, type }) => from === 'kernel' && type === 'IPCTNL_MSG_CT_NEW')
  .map(({ hex }) => fromHex(hex).slice(16))
const flows = payloads.map(decodeFlow)

const attributesOf = ({ bytes }: Asked) => conntrackMessage.decode(bytes, 16, bytes.length).attributes

const refusal = (asked: Asked, number: number): Datagram => [
  { type: ERROR, sequence: asked.sequence, payload: errorPayload(number, asked) },
]
const everything = ({ sequence }: Asked): Datagram => [
  ...payloads.map(payload => ({ type: messageTypes.IPCTNL_MSG_CT_NEW, flags: 2, sequence, payload })),
  { type: DONE, flags: 2, sequence, payload: new Uint8Array(4) },
]

/** A connection to a kernel that answers each request so, and what it was asked. */
const over = (answer: (asked: Asked) => Datagram) => {
  const asked: Asked[] = []
  const socket = new FakeNetlinkSocket(all => {
    asked.push(...all)
    return all.map(answer)
  })
  return { connection: Connection.over(socket), asked }
}

const selector = { family: 4, protocol: 17, originalDestinationPort: { first: 77, last: 77 } } as const
const wanted = flows.filter(({ original }) => original.destinationPort === 77)

const thrown = (action: () => unknown): unknown => {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

describe('listFlows', () => {
  test('sifts what a kernel lists that does not know the filter', () => {
    const { connection, asked } = over(everything)
    expect(wanted).toHaveLength(1)
    expect(listFlows(connection, [selector])).toEqual(wanted)
    expect(asked.map(one => attributesOf(one).filter)).toEqual([{ originalFlags: 0x28, replyFlags: 8 }])
    expect(listFlows(connection)).toEqual(flows)
  })

  test('asks again without the filter where the kernel refuses it', () => {
    for (const number of [errno.EINVAL, errno.EOPNOTSUPP]) {
      const { connection, asked } = over(one =>
        attributesOf(one).filter === undefined ? everything(one) : refusal(one, number),
      )
      expect(listFlows(connection, [selector])).toEqual(wanted)
      expect(asked.map(attributesOf)[1]).toEqual({})
    }
  })

  test('asks nothing for no selectors', () => {
    const { connection, asked } = over(everything)
    expect(listFlows(connection, [])).toEqual([])
    expect(asked).toEqual([])
  })

  test('tells a kernel without connection tracking from one that does not allow it', () => {
    for (const [number, lacks] of [
      [errno.EINVAL, true],
      [errno.EOPNOTSUPP, true],
      [93, true],
      [errno.EPERM, false],
      [errno.ENOBUFS, false],
    ] as const) {
      const { connection } = over(one => refusal(one, number))
      for (const selectors of [undefined, [selector]]) {
        const error = thrown(() => listFlows(connection, selectors))
        expect(error).toBeInstanceOf(NetlinkError)
        expect(lacksConntrack(error)).toBe(lacks)
      }
    }
    // No nfnetlink at all: already the socket is refused.
    expect(lacksConntrack(new SystemError('socket', 93))).toBe(true)
    expect(lacksConntrack(new SystemError('socket', errno.EPERM))).toBe(false)
  })
})

describe('deleteFlows', () => {
  test('goes on after a refusal, and throws it in the end', () => {
    const numbers = [errno.ENOENT, errno.EBUSY, ...flows.slice(2).map(() => 0)]
    const { connection, asked } = over(one => refusal(one, 0))
    expect(deleteFlows(connection, flows)).toBe(flows.length)
    expect(asked.every(one => attributesOf(one).original?.addresses !== undefined)).toBe(true)
    let next = 0
    const busy = over(one => refusal(one, numbers[next++] ?? 0))
    expect(thrown(() => deleteFlows(busy.connection, flows))).toMatchObject({ code: 'EBUSY', request: 1 })
    expect(busy.asked).toHaveLength(flows.length)
    const gone = over(one => refusal(one, errno.ENOENT))
    expect(deleteFlows(gone.connection, flows)).toBe(0)
  })
})
