/**
 * A connection against a kernel that does everything a kernel may do. Where each requirement on the codec and the socket
 * is tried (K: test/kernel/netlink.test.ts, on the real kernel):
 *  1 unknown attributes and flag bits are kept      composite.test.ts; rtnetlink/golden and properties tests
 *  2 flag bits masked on read, NESTED on write      composite.test.ts; rtnetlink/golden.test.ts (`differs`)
 *  3 an unaligned last message                      below
 *  4 no views of a reused buffer                    below (the fake uses one buffer); rtnetlink/properties.test.ts
 *  5 interrupted dumps                              below
 *  6 ENOBUFS on subscriptions                       below; K
 *  7 DONE carries an errno                          below; K
 *  8 all replies of a batch, matched by sequence    below; K
 *  9 socket buffers and big batches                 below (datagrams are bounded); K
 * 10 extended acknowledgements and strict checks    acknowledgement.test.ts; K
 * 11 sequence, port id, sender                      below; the sender's port K
 * 12 64-bit integers are bigints                    scalars.test.ts
 * 13 length checks name the attribute               composite.test.ts
 * 14 generation id of nf_tables batches             belongs to src/linux/nftables
 * 15 at most 64 KiB in an attribute                 composite.test.ts
 */
import { describe, expect, test } from 'bun:test'
import {
  type Asked,
  type Datagram,
  errorPayload,
  FakeNetlinkSocket,
} from '../../../test/support/fake-netlink-socket.ts'
import { errno, SystemError } from '../sys/errno.ts'
import { DecodeError, EncodeError } from './codec.ts'
import { struct } from './composite.ts'
import { Connection, request, splitMessages } from './connection.ts'
import { DumpInterruptedError, EventsLostError, NetlinkError, ProtocolError } from './errors.ts'
import { message, NLM_F } from './message.ts'
import { cstring, u32 } from './scalars.ts'
import { Writer } from './writer.ts'

const thing = message('struct thing', struct({ id: u32 }), { name: [1, cstring, 'THING_NAME'] } as const)
const ask = (id: number, flags = 0) =>
  request(`THING_${id}`, 100, flags, thing, { header: { id }, attributes: {} })

const ERROR = 2
const DONE = 3
const idOf = (asked: Asked) => new DataView(asked.bytes.buffer).getUint32(16, true)
const number32 = (value: number) => new Uint8Array(new Int32Array([value]).buffer)
const payload = (id: number) => new Uint8Array(new Uint32Array([id]).buffer)
const ack = (asked: Asked, number = 0) => ({
  type: ERROR,
  sequence: asked.sequence,
  payload: errorPayload(number, asked),
})
const done = ({ sequence }: Asked, number = 0, flags = 0) => ({
  type: DONE,
  flags: NLM_F.multi | flags,
  sequence,
  payload: number32(-number),
})
const item = ({ sequence }: Asked, id: number, flags = 0) => ({
  type: 101,
  flags: NLM_F.multi | flags,
  sequence,
  payload: payload(id),
})
/** As the kernel does it: failures and acknowledgements asked for are answered, nothing else is. */
const kernel =
  (refused: readonly number[] = []) =>
  (asked: Asked[]) =>
    asked.flatMap(one => {
      const number = refused.includes(idOf(one)) ? errno.EEXIST : 0
      return number !== 0 || one.flags & NLM_F.ack ? [[ack(one, number)]] : []
    })

const connect = (answer: (asked: Asked[]) => Datagram[]) => {
  const socket = new FakeNetlinkSocket(answer)
  return { socket, connection: Connection.over(socket) }
}
const dumpIds = (connection: Connection) => connection.dump(ask(0), thing).map(({ header }) => header.id)

describe('executeAll', () => {
  test('sends all in one datagram and asks for an acknowledgement of the last only', () => {
    const { socket, connection } = connect(kernel())
    expect(connection.executeAll([ask(1, NLM_F.create), ask(2), ask(3)])).toEqual([[], [], []])
    expect(socket.sent.map(one => one.map(({ flags }) => flags))).toEqual([
      [NLM_F.request | NLM_F.create, NLM_F.request, NLM_F.request | NLM_F.ack],
    ])
  })

  test('nothing to do sends nothing', () => {
    const { socket, connection } = connect(kernel())
    expect(connection.executeAll([])).toEqual([])
    expect(socket.sent).toEqual([])
  })

  test('errors in the middle and at the end belong to their requests', () => {
    const { connection } = connect(kernel([2, 4]))
    const results = connection.executeAll([ask(1), ask(2), ask(3), ask(4)])
    expect(results.map(result => (result instanceof NetlinkError ? result.code : result))).toEqual([
      [],
      'EEXIST',
      [],
      'EEXIST',
    ])
    expect((results[1] as NetlinkError).operation).toBe('THING_2')
    expect((results[3] as NetlinkError).request).toBe(3)
  })

  test('execute throws the first error', () => {
    const { connection } = connect(kernel([2, 3]))
    expect(() => connection.execute([ask(1), ask(2), ask(3)])).toThrow('THING_2: EEXIST')
  })

  test('replies of several requests, mixed and split over datagrams, in order', () => {
    const { connection } = connect(([first, second]) => {
      const [a, b] = [first as Asked, second as Asked]
      return [[item(a, 10)], [item(b, 20), item(a, 11)], [item(b, 21), ack(b)]]
    })
    const ids = connection
      .execute([ask(1), ask(2)])
      .map(replies => replies.map(reply => new DataView(reply.payload.buffer).getUint32(0, true)))
    expect(ids).toEqual([
      [10, 11],
      [20, 21],
    ])
  })

  test('stale sequence numbers and messages for other sockets are skipped', () => {
    const { connection } = connect(([asked]) => {
      const one = asked as Asked
      const stale = { ...one, sequence: one.sequence - 1 }
      return [
        [item(stale, 66), ack(stale, errno.EPERM)],
        [
          { ...item(one, 67), portId: 99 },
          { ...ack(one, errno.EPERM), portId: 99 },
        ],
        [{ type: 1, sequence: one.sequence }, ack(one)],
      ]
    })
    expect(connection.execute([ask(1)])).toEqual([[]])
  })

  test('a failed exchange leaves nothing behind for the next', () => {
    const answers: Datagram[][] = [[new Uint8Array(7)]]
    const { socket, connection } = connect(asked => answers.shift() ?? kernel()(asked))
    expect(() => connection.execute([ask(1)])).toThrow(ProtocolError)
    const [late] = socket.sent[0] as [Asked]
    socket.push([item(late, 1), ack(late, errno.EPERM)])
    expect(connection.execute([ask(2)])).toEqual([[]])
  })

  test('many requests go in datagrams whose answers fit into the receive buffer', () => {
    const { socket, connection } = connect(kernel([0, 63, 64, 199]))
    const results = connection.executeAll(Array.from({ length: 200 }, (_, id) => ask(id)))
    expect(socket.sent.map(one => one.length)).toEqual([64, 64, 64, 8])
    for (const datagram of socket.sent)
      expect(datagram.map(({ flags }) => (flags & NLM_F.ack) !== 0)).toEqual(
        datagram.map((_, index) => index === datagram.length - 1),
      )
    const failed = results.flatMap(result => (result instanceof NetlinkError ? [result] : []))
    expect(failed.map(({ request, operation }) => [request, operation])).toEqual([
      [0, 'THING_0'],
      [63, 'THING_63'],
      [64, 'THING_64'],
      [199, 'THING_199'],
    ])
  })

  test('large requests go in datagrams that fit into the send buffer', () => {
    const { socket, connection } = connect(kernel())
    const large = request('LARGE', 100, 0, thing, {
      header: { id: 1 },
      attributes: { name: 'x'.repeat(60_000) },
    })
    connection.execute([large, large, large, large, large])
    expect(socket.sent.map(one => one.length)).toEqual([2, 2, 1])
    expect(socket.sent.map(one => (one.at(-1) as Asked).flags & NLM_F.ack)).toEqual([4, 4, 4])
  })

  test('nothing is sent when one of many values does not fit', () => {
    const { socket, connection } = connect(kernel())
    const requests = Array.from({ length: 100 }, (_, id) => ask(id === 99 ? -1 : id))
    expect(() => connection.executeAll(requests)).toThrow(EncodeError)
    expect(socket.sent).toEqual([])
  })

  test('an offset in a later datagram finds its attribute', () => {
    const { connection } = connect(asked =>
      asked.flatMap(one => {
        if (idOf(one) !== 150) return one.flags & NLM_F.ack ? [[ack(one)]] : []
        // NLMSGERR_ATTR_OFFS: 20 bytes from the start of the message, where THING_NAME is.
        const offset = Uint8Array.of(8, 0, 2, 0, 20, 0, 0, 0)
        return [[{ ...ack(one), flags: 0x300, payload: errorPayload(errno.EINVAL, one, offset) }]]
      }),
    )
    const requests = Array.from({ length: 160 }, (_, id) =>
      request(`THING_${id}`, 100, 0, thing, { header: { id }, attributes: { name: 'x' } }),
    )
    const failed = connection.executeAll(requests).filter(result => result instanceof NetlinkError)
    expect(failed).toMatchObject([{ request: 150, operation: 'THING_150', attributePath: ['name'] }])
  })

  test('no answer in time, and answers that were lost, are ProtocolErrors', () => {
    expect(() => connect(() => []).connection.execute([ask(1)])).toThrow(
      'THING_1: no answer of the kernel in time',
    )
    const lost = connect(() => [{ errno: errno.ENOBUFS }]).connection
    expect(() => lost.execute([ask(1)])).toThrow(
      new ProtocolError('THING_1: answers of the kernel were lost'),
    )
    expect(() => connect(() => [{ errno: errno.EPERM }]).connection.execute([ask(1)])).toThrow(SystemError)
  })

  test('sequence numbers are never zero', () => {
    const { socket, connection } = connect(kernel())
    connection.execute([ask(1), ask(2)])
    connection.execute([ask(3)])
    expect(socket.sent.flat().map(({ sequence }) => sequence)).toEqual([1, 2, 3])
  })
})

describe('collect without waiting', () => {
  test('reads what is queued, and can go on after answers were lost', () => {
    const { socket, connection } = connect(() => [])
    const writer = new Writer()
    const sent = [1, 2].map(id => connection.write(writer, ask(id), NLM_F.request))
    const found: [number, string | undefined][] = []
    const collect = () =>
      connection.collect(writer.bytes, sent, false, (index, result) => {
        found.push([index, result instanceof NetlinkError ? result.code : undefined])
      })
    collect()
    connection.send(writer.bytes)
    const [first, second] = socket.sent[0] as [Asked, Asked]
    socket.push([ack(first, errno.EEXIST)], { errno: errno.ENOBUFS }, [ack(second, errno.EPERM)])
    expect(collect).toThrow('recvfrom: ENOBUFS')
    collect()
    expect(found).toEqual([
      [0, 'EEXIST'],
      [1, 'EPERM'],
    ])
  })
})

describe('dump', () => {
  test('collects a list from many datagrams, up to DONE', () => {
    const { socket, connection } = connect(([asked]) => {
      const one = asked as Asked
      return [[item(one, 1), item(one, 2)], [item(one, 3)], [item(one, 4), done(one)]]
    })
    expect(dumpIds(connection)).toEqual([1, 2, 3, 4])
    expect(socket.sent[0]?.[0]?.flags).toBe(NLM_F.request | NLM_F.dump)
  })

  test('an empty list', () => {
    expect(dumpIds(connect(([one]) => [[done(one as Asked)]]).connection)).toEqual([])
  })

  test('is asked for again when it was interrupted, and only the last attempt counts', () => {
    let attempts = 0
    const { connection } = connect(([asked]) => {
      const one = asked as Asked
      attempts++
      if (attempts === 1) return [[item(one, 1, NLM_F.dumpInterrupted), item(one, 2)], [done(one)]]
      if (attempts === 2) return [[item(one, 1)], [done(one, 0, NLM_F.dumpInterrupted)]]
      if (attempts === 3) return [[item(one, 1), done(one, errno.EINTR)]]
      return [[item(one, 7), done(one)]]
    })
    expect(dumpIds(connection)).toEqual([7])
    expect(attempts).toBe(4)
  })

  test('gives up with a typed error when it is interrupted every time', () => {
    const { socket, connection } = connect(([one]) => [
      [item(one as Asked, 1, NLM_F.dumpInterrupted), done(one as Asked)],
    ])
    expect(() => dumpIds(connection)).toThrow(DumpInterruptedError)
    expect(socket.sent).toHaveLength(8)
  })

  test('the errno in DONE is an error', () => {
    const { connection } = connect(([one]) => [[item(one as Asked, 1)], [done(one as Asked, errno.ENOENT)]])
    expect(() => dumpIds(connection)).toThrow('THING_0: ENOENT')
  })

  test('a refusal instead of a list is an error', () => {
    const { connection } = connect(([one]) => [[ack(one as Asked, errno.EOPNOTSUPP)]])
    expect(() => dumpIds(connection)).toThrow('THING_0: EOPNOTSUPP')
  })

  test('entries of other exchanges and other sockets do not get in', () => {
    const { connection } = connect(([asked]) => {
      const one = asked as Asked
      const other = { ...one, sequence: 999 }
      return [
        [item(other, 66), done(other)],
        [
          { ...item(one, 67), portId: 1 },
          { ...done(one), portId: 1 },
        ],
        [item(one, 1), done(one)],
      ]
    })
    expect(dumpIds(connection)).toEqual([1])
  })

  test('a list that cannot be decoded is read to its end all the same, so that the next one is not refused', () => {
    let attempts = 0
    const { connection } = connect(([asked]) => {
      const one = asked as Asked
      if (attempts++ > 0) return [[item(one, 5), done(one)]]
      const short = { ...item(one, 1), payload: new Uint8Array(2) }
      return [[short], [item(one, 2)], [done(one)]]
    })
    expect(() => dumpIds(connection)).toThrow(DecodeError)
    expect(dumpIds(connection)).toEqual([5])
  })

  test('what it returns stays when the buffer is used again', () => {
    const name = Uint8Array.of(6, 0, 1, 0, 0x61, 0, 0, 0)
    const unknown = Uint8Array.of(6, 0, 9, 0, 1, 2, 0, 0)
    const { connection } = connect(([asked]) => {
      const one = asked as Asked
      const full = Uint8Array.from([...payload(1), ...name, ...unknown])
      return [[{ ...item(one, 1), payload: full }], [done(one)]]
    })
    const first = connection.dump(ask(0), thing)
    const before = structuredClone(first)
    connection.dump(ask(0), thing)
    expect(first).toEqual(before)
    expect(first[0]?.attributes).toEqual({
      name: 'a',
      unknown: [{ type: 9, bytes: Uint8Array.of(1, 2), at: 1 }],
    })
  })
})

describe('receiveEvents', () => {
  const event = (id: number) => ({ type: 101, sequence: 0, portId: 0, payload: payload(id) })

  test('returns what is queued without waiting', () => {
    const { socket, connection } = connect(() => [])
    expect(connection.receiveEvents()).toEqual([])
    socket.push([event(1), event(2)], [event(3)])
    expect(connection.receiveEvents().map(({ payload: [id] }) => id)).toEqual([1, 2, 3])
    expect(connection.receiveEvents()).toEqual([])
  })

  test('says that events were lost, and goes on', () => {
    const { socket, connection } = connect(() => [])
    socket.push({ errno: errno.ENOBUFS }, [event(2)])
    expect(() => connection.receiveEvents()).toThrow(EventsLostError)
    expect(connection.receiveEvents()).toHaveLength(1)
  })

  test('other failures are not mistaken for lost events', () => {
    const { socket, connection } = connect(() => [])
    socket.push({ errno: errno.EIO })
    expect(() => connection.receiveEvents()).toThrow('recvfrom: EIO')
  })
})

describe('splitMessages', () => {
  const header = (length: number) => Uint8Array.from([...payload(length), ...new Uint8Array(12)])

  test('accepts a last message without its padding', () => {
    const bytes = Uint8Array.from([...header(18), 1, 2, 0, 0, ...header(17), 3])
    const found = [...splitMessages(bytes)].map(({ from, to }) => [...bytes.slice(from, to)])
    expect(found).toEqual([[1, 2], [3]])
  })

  test('refuses lengths that do not fit', () => {
    for (const bytes of [header(0), header(15), header(17), header(0xffffffff), new Uint8Array(15)])
      expect(() => [...splitMessages(bytes)]).toThrow(ProtocolError)
  })

  test('an empty datagram holds no message', () => {
    expect([...splitMessages(new Uint8Array())]).toEqual([])
  })
})

test('a connection closes its socket', () => {
  const { socket, connection } = connect(() => [])
  connection[Symbol.dispose]()
  expect(socket.closed).toBe(true)
})
