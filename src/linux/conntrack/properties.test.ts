/** What holds for every tuple, every message and every input, tried with values made from the tables. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { arbitraryOf } from '../../../test/support/arbitrary.ts'
import { flowTuple } from '../../../test/support/arbitrary-flow.ts'
import { DecodeError } from '../netlink/codec.ts'
import { Writer } from '../netlink/writer.ts'
import { conntrackMessage } from './message.ts'
import { mirrorOf, toTuple, tuple, tupleAttributes } from './tuple.ts'

const written = <T>(codec: { encode(writer: Writer, value: T): void }, value: T): Uint8Array => {
  const writer = new Writer(16)
  codec.encode(writer, value)
  return writer.bytes.slice()
}

describe('a tuple', () => {
  test('is the same after it was written and read', () => {
    fc.assert(
      fc.property(flowTuple, value => {
        const bytes = written(tuple, tupleAttributes(value))
        expect(toTuple(tuple.decode(bytes, 0, bytes.length))).toEqual(value)
      }),
    )
  })

  test('is the mirror of its mirror', () => {
    fc.assert(
      fc.property(flowTuple, ({ zone: _, ...value }) => {
        expect(mirrorOf(mirrorOf(value))).toEqual(value)
      }),
    )
  })
})

describe('a message', () => {
  test('decodes what it encodes', () => {
    fc.assert(
      fc.property(arbitraryOf(conntrackMessage), value => {
        const bytes = written(conntrackMessage, value as never)
        expect<unknown>(conntrackMessage.decode(bytes, 0, bytes.length)).toEqual(value)
      }),
      { numRuns: 300 },
    )
  })

  test('any bytes decode, or throw a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          conntrackMessage.decode(bytes, 0, bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
