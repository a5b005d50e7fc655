import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LineReader, toLine } from './lines.ts'

const read = (chunks: Uint8Array[], longest = 1_000_000): string[] => {
  const lines: string[] = []
  const reader = new LineReader(longest, line => lines.push(line))
  for (const chunk of chunks) reader.feed(chunk)
  return lines
}

test('messages survive whatever pieces the pipe cuts them into', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.integer({ min: 1, max: 7 }),
      (messages, size) => {
        const bytes = Buffer.from(messages.map(toLine).join(''))
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        )
        expect(read(chunks).map(line => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(messages)))
      },
    ),
  )
})

test('a chunk whose buffer is used again does no harm', () => {
  const buffer = Buffer.from('[1')
  const lines: string[] = []
  const reader = new LineReader(100, line => lines.push(line))
  reader.feed(buffer)
  buffer.fill(0)
  reader.feed(Buffer.from(']\n'))
  expect(lines).toEqual(['[1]'])
})

test('a line that never ends is not kept', () => {
  const reader = new LineReader(10, () => undefined)
  reader.feed(Buffer.from('12345\n12345'))
  expect(() => reader.feed(Buffer.from('123456'))).toThrow(RangeError)
})

test('counters of 64 bits and bytes have a form', () => {
  expect(toLine({ a: 5n, b: 2n ** 63n, c: Uint8Array.of(1, 255), d: Buffer.from([16]) })).toBe(
    '{"a":5,"b":"9223372036854775808","c":"01ff","d":"10"}\n',
  )
})
