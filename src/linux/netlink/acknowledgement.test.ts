import { describe, expect, test } from 'bun:test'
import { readAcknowledgement } from './acknowledgement.ts'
import { attributes, struct } from './composite.ts'
import { splitMessages } from './connection.ts'
import { ProtocolError } from './errors.ts'
import { message, NLM_F, writeMessage } from './message.ts'
import { cstring, u32 } from './scalars.ts'
import { Writer } from './writer.ts'

const inner = attributes({ size: [1, u32, 'INNER_SIZE'] })
const thing = message('struct thing', struct({ id: u32 }), {
  name: [1, cstring, 'THING_NAME'],
  inner: [2, inner, 'THING_INNER'],
} as const)

// The request lies behind another one, as in a batch: offsets in errors count from its own header.
const before = 32
const request = new Writer()
request.reserve(before)
writeMessage(request, 100, 0, 7, writer =>
  thing.encode(writer, { header: { id: 1 }, attributes: { name: 'abc', inner: { size: 5 } } }),
)
const sent = { name: 'THING', sequence: 7, at: before, end: request.length, schema: thing }
/** Offsets of the request's parts: its header takes 16 bytes, struct thing 4. */
const offsets = { name: 20, inner: 28, size: 32 }

type Refusal = {
  number: number
  flags?: number
  text?: string
  offset?: number
  type?: number
  quote?: boolean
}

const refusal = ({ number, flags = NLM_F.ackTlvs, text, offset, type = 2, quote = false }: Refusal) => {
  const writer = new Writer()
  writeMessage(writer, type, flags | (quote || type === 3 ? 0 : NLM_F.capped), 7, out => {
    out.u32(-number >>> 0)
    if (type === 2) out.raw(request.bytes.slice(before, quote ? request.length : before + 16))
    if (text !== undefined) {
      out.u16(4 + text.length + 1)
      out.u16(1)
      cstring.encode(out, text)
      out.align()
    }
    if (offset !== undefined) {
      out.u16(8)
      out.u16(2)
      out.u32(offset)
    }
  })
  const [received] = [...splitMessages(writer.bytes.slice())]
  if (received === undefined) throw new Error('no message')
  return readAcknowledgement(received, sent, 3, request.bytes)
}

describe('readAcknowledgement', () => {
  test('errno 0 is no error', () => {
    expect(refusal({ number: 0 })).toBeUndefined()
    expect(refusal({ number: 0, text: 'a warning' })).toBeUndefined()
    expect(refusal({ number: 0, type: 3 })).toBeUndefined()
  })

  test('the facts of a refusal', () => {
    const error = refusal({ number: 22, text: 'Nope', offset: offsets.size })
    expect(error).toMatchObject({
      operation: 'THING',
      request: 3,
      errno: 22,
      code: 'EINVAL',
      kernelMessage: 'Nope',
      attributePath: ['inner', 'size'],
      message: 'THING: EINVAL (Nope, at inner.size)',
    })
  })

  test('the explanation is found behind a request that is repeated whole, too', () => {
    const error = refusal({ number: 17, text: 'Nope', offset: offsets.name, quote: true })
    expect(error).toMatchObject({ kernelMessage: 'Nope', attributePath: ['name'] })
  })

  test('the explanation in DONE follows the errno at once', () => {
    expect(refusal({ number: 2, type: 3, text: 'No table' })).toMatchObject({
      code: 'ENOENT',
      kernelMessage: 'No table',
    })
  })

  test('without the flag nothing behind the request is read', () => {
    expect(refusal({ number: 1, flags: 0, text: 'not for us' })?.kernelMessage).toBeUndefined()
  })

  test('an offset that means no attribute gives no path', () => {
    for (const offset of [0, 16, 19, 400, 0xffffffff])
      expect(refusal({ number: 22, offset })?.attributePath).toEqual([])
  })

  test('an error too short for its errno is none of the protocol', () => {
    const received = {
      type: 2,
      flags: 0,
      sequence: 7,
      portId: 0,
      bytes: new Uint8Array(18),
      from: 16,
      to: 18,
    }
    expect(() => readAcknowledgement(received, sent, 0, request.bytes)).toThrow(ProtocolError)
    expect(readAcknowledgement({ ...received, type: 3 }, sent, 0, request.bytes)).toBeUndefined()
  })

  test('an error that ends with its errno still counts', () => {
    const bytes = Uint8Array.from([...new Uint8Array(16), 0xff, 0xff, 0xff, 0xff])
    const received = { type: 2, flags: NLM_F.ackTlvs, sequence: 7, portId: 0, bytes, from: 16, to: 20 }
    expect(readAcknowledgement(received, sent, 0, request.bytes)?.code).toBe('EPERM')
  })
})
