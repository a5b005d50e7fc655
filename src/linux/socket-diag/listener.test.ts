import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { arbitraryOf, scalarArbitraries } from '../../../test/support/arbitrary.ts'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { bigIntToIp, canonicalIp, parseIp } from '../net/ip.ts'
import { DecodeError, EncodeError } from '../netlink/codec.ts'
import { attributePath, describeMessage } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { encodeSocketAddress } from '../sys/socket-address.ts'
import { compareListeners, formatListener, type Listener, toListeners } from './listener.ts'
import { addressBytes, type SocketMessage, socketMessage, socketRequest } from './messages.ts'

scalarArbitraries.set(addressBytes, fc.uint8Array({ minLength: 16, maxLength: 16 }))

const anyMessage = arbitraryOf(socketMessage) as fc.Arbitrary<SocketMessage>

/** Runs `action`; a DecodeError is as good as a value. */
const mayNotDecode = (action: () => unknown): void => {
  try {
    action()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
  }
}

for (const [name, schema] of Object.entries({ socketRequest, socketMessage }))
  describe(name, () => {
    test('decodes what it encodes', () => {
      fc.assert(
        fc.property(arbitraryOf(schema), value => {
          const writer = new Writer(16)
          schema.encode(writer, value as never)
          expect<unknown>(schema.decode(writer.bytes, 0, writer.length)).toEqual(value)
        }),
        { numRuns: 300 },
      )
    })

    test('any bytes decode, or throw a DecodeError', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
          mayNotDecode(() => schema.decode(bytes, 0, bytes.length))
          mayNotDecode(() => describeMessage(schema, bytes, 0, bytes.length))
          mayNotDecode(() => attributePath(schema, bytes, 0, bytes.length, bytes.length >> 1))
        }),
        { numRuns: 500 },
      )
    })
  })

test('golden replies that are cut short anywhere decode, or throw a DecodeError', () => {
  const replies = goldenFiles('socket-diag').flatMap(({ messages }) =>
    messages
      .filter(({ from, type }) => from === 'kernel' && !type.startsWith('NLMSG_'))
      .map(({ hex }) => fromHex(hex)),
  )
  for (const bytes of replies)
    for (let end = 16; end < bytes.length; end++)
      mayNotDecode(() => toListeners('tcp', socketMessage.decode(bytes, 16, end)))
})

test('an address that is not sixteen bytes long cannot be sent', () => {
  expect(() => addressBytes.encode(new Writer(), new Uint8Array(4))).toThrow(EncodeError)
})

test('whatever the kernel says, the address of a listener is canonical and of its family', () => {
  fc.assert(
    fc.property(anyMessage, ({ header, attributes }) => {
      const family = header.source[0] && header.source[0] & 1 ? 2 : 10
      const { locals: _, ...rest } = attributes
      const [listener] = toListeners('tcp', { header: { ...header, family }, attributes: rest })
      expect(canonicalIp(listener?.address ?? '')).toBe(listener?.address as string)
      expect(parseIp(listener?.address ?? '')?.length).toBe(family === 2 ? 4 : 16)
      expect(listener?.family).toBe(family === 2 ? 4 : 6)
    }),
  )
})

const header: SocketMessage['header'] = {
  family: 10,
  state: 10,
  timer: 0,
  retransmissions: 0,
  sourcePort: 3868,
  destinationPort: 0,
  source: new Uint8Array(16),
  destination: new Uint8Array(16),
  interface: 0,
  cookieLow: 1,
  cookieHigh: 0,
  expires: 0,
  receiveQueue: 0,
  sendQueue: 5,
  user: 33,
  inode: 4711,
}

describe('an SCTP listener', () => {
  const storage = (address: string) => {
    const bytes = new Uint8Array(128)
    bytes.set(encodeSocketAddress({ address, port: 3868 }))
    return bytes
  }
  const listener = { protocol: 'sctp', family: 6, port: 3868, v6Only: false, user: 33, inode: 4711 } as const
  const listenersAt = (...addresses: string[]) => {
    const locals = new Uint8Array(Buffer.concat(addresses.map(storage)))
    return toListeners('sctp', { header, attributes: { v6Only: 0, locals } })
  }

  test('is one for each address that it is bound to', () => {
    expect(listenersAt('192.0.2.1', 'fd00::1')).toEqual([
      { ...listener, address: '192.0.2.1' },
      { ...listener, address: 'fd00::1' },
    ])
    expect(listenersAt('::')).toEqual([{ ...listener, address: '::' }])
  })

  test('without a list of addresses has the one of the socket', () => {
    expect(listenersAt()).toEqual([{ ...listener, address: '::' }])
    const cut = storage('192.0.2.1').subarray(0, 100)
    expect(toListeners('sctp', { header, attributes: { v6Only: 0, locals: cut } })).toEqual([
      { ...listener, address: '::' },
    ])
  })
})

test('listeners have one order', () => {
  const anyListener: fc.Arbitrary<Listener> = fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    address: fc.nat({ max: 3 }).map(value => bigIntToIp(BigInt(value), 4) as string),
    port: fc.integer({ min: 1, max: 3 }),
    user: fc.constant(0),
    inode: fc.nat({ max: 3 }),
  })
  fc.assert(
    fc.property(fc.array(anyListener, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (listeners, random) => {
      const keys = new Map(listeners.map(listener => [listener, random.next().value as number]))
      const shuffled = listeners.toSorted((one, other) => (keys.get(one) ?? 0) - (keys.get(other) ?? 0))
      expect(shuffled.sort(compareListeners)).toEqual(listeners.toSorted(compareListeners))
    }),
  )
})

test('a listener in short', () => {
  const [listener] = toListeners('sctp', { header, attributes: {} })
  expect(formatListener(listener as Listener)).toBe('[::]:3868/sctp')
  expect(formatListener({ ...(listener as Listener), protocol: 'tcp', address: '127.0.0.1' })).toBe(
    '127.0.0.1:3868/tcp',
  )
})
