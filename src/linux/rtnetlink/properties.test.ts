/** What holds for every value and for every input of the schemas, tried with values made from the tables. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { arbitraryOf } from '../../../test/support/arbitrary.ts'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { kindOf, sentMessage } from '../../../test/support/rtnetlink-golden.ts'
import { readAcknowledgement } from '../netlink/acknowledgement.ts'
import { DecodeError } from '../netlink/codec.ts'
import { splitMessages } from '../netlink/connection.ts'
import { NetlinkError, ProtocolError } from '../netlink/errors.ts'
import { attributePath, describeMessage } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { addressMessage } from './address.ts'
import { linkMessage } from './link.ts'
import { neighbourMessage } from './neighbour.ts'
import { queueingDisciplineMessage, tokenBucketMessage } from './queueing-discipline.ts'
import { routeMessage } from './route.ts'
import { ruleMessage } from './rule.ts'

const schemas = {
  linkMessage,
  addressMessage,
  routeMessage,
  neighbourMessage,
  ruleMessage,
  queueingDisciplineMessage,
  tokenBucketMessage,
}

/** Runs `action`; an error of one of these classes is as good as a value, any other is a failure. */
const mayThrow = (classes: (new (...args: never[]) => Error)[], action: () => unknown): void => {
  try {
    action()
  } catch (error) {
    if (!classes.some(one => error instanceof one)) throw error
  }
}

for (const [name, schema] of Object.entries(schemas)) {
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
          mayThrow([DecodeError], () => schema.decode(bytes, 0, bytes.length))
          mayThrow([DecodeError], () => describeMessage(schema, bytes, 0, bytes.length))
          mayThrow([DecodeError], () => attributePath(schema, bytes, 0, bytes.length, bytes.length >> 1))
        }),
        { numRuns: 500 },
      )
    })
  })
}

const goldens = goldenFiles('rtnetlink').flatMap(file => {
  let request: Uint8Array = new Uint8Array()
  return file.messages.map(message => {
    const bytes = fromHex(message.hex)
    if (message.from === 'program') request = bytes
    return { bytes, request }
  })
})

/** Decodes a datagram as far as it goes, refusals included. */
const decodeAll = (datagram: Uint8Array, request: Uint8Array): void => {
  for (const received of splitMessages(datagram)) {
    if (received.type < 16) {
      if (received.type === 2 || received.type === 3)
        readAcknowledgement(received, sentMessage(request), 0, request)
      continue
    }
    // A flipped bit of the type may make it one that there is no schema for.
    if (![16, 20, 24, 28, 32, 36].includes(received.type & ~3)) continue
    mayThrow([DecodeError], () => kindOf(received.type).schema.decode(datagram, received.from, received.to))
  }
}

describe('golden messages that were damaged', () => {
  const golden = fc.constantFrom(...goldens)

  test('cut short anywhere', () => {
    fc.assert(
      fc.property(golden, fc.nat(), ({ bytes, request }, at) => {
        const cut = bytes.slice(0, at % bytes.length)
        mayThrow([ProtocolError], () => decodeAll(cut, request))
        // The same, with a length in the header that agrees: the attributes are cut, not the message.
        if (cut.length < 16) return
        new DataView(cut.buffer).setUint32(0, cut.length, true)
        mayThrow([ProtocolError], () => decodeAll(cut, request))
      }),
      { numRuns: 2000 },
    )
  })

  test('with up to eight bits flipped', () => {
    fc.assert(
      fc.property(golden, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), ({ bytes, request }, flips) => {
        const damaged = bytes.slice()
        for (const flip of flips) {
          const bit = flip % (damaged.length * 8)
          damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        }
        mayThrow([ProtocolError], () => decodeAll(damaged, request))
      }),
      { numRuns: 3000 },
    )
  })

  test('a refusal never hides its errno, whatever its explanation holds', () => {
    const refusals = goldens.filter(({ bytes }) => bytes[4] === 2 && bytes[16] !== 0)
    expect(refusals.length).toBeGreaterThan(5)
    fc.assert(
      fc.property(fc.constantFrom(...refusals), fc.array(fc.nat()), ({ bytes, request }, noise) => {
        const damaged = bytes.slice()
        for (const value of noise) damaged[20 + (value % (damaged.length - 20))] = value & 0xff
        const [received] = [...splitMessages(damaged)]
        const error = received && readAcknowledgement(received, sentMessage(request), 0, request)
        expect(error).toBeInstanceOf(NetlinkError)
        expect(error?.errno).toBe(-new DataView(bytes.buffer).getInt32(16, true))
      }),
    )
  })
})

test('nothing decoded changes when the receive buffer is used again', () => {
  for (const { bytes } of goldens.filter(one => (one.bytes[4] as number) >= 16)) {
    const buffer = new Uint8Array(bytes.length + 64)
    buffer.set(bytes, 32)
    const { schema } = kindOf(bytes[4] as number)
    const value = schema.decode(buffer, 48, 32 + bytes.length)
    const before = structuredClone(value)
    buffer.fill(0xaa)
    expect(value).toEqual(before)
  }
})
