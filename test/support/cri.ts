/**
 * One call of the Container Runtime Interface, as the kubelet makes it: gRPC over HTTP/2 at a Unix socket. Started as a
 * program: SOCKET SERVICE/METHOD MESSAGE, where the message is a JSON list of numbers of fields, each followed by its
 * value: a number, a text, or again a message. Prints the texts of the answer, one in a line, and ends with the status of
 * gRPC.
 */
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'

type Message = (number | string | Message)[]

/** Milliseconds. */
const patience = 20_000

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]

/** Protocol Buffers: numbers are varints (wire type 0), all else has a length (wire type 2). */
const encode = (message: Message): number[] =>
  message.flatMap((value, index) => {
    if (index % 2 === 0) return []
    const field = Number(message[index - 1])
    if (typeof value === 'number') return [...varint(field << 3), ...varint(value)]
    const bytes = typeof value === 'string' ? [...Buffer.from(value)] : encode(value)
    return [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes]
  })

/** Reads a varint; the value and where the next begins. */
const readVarint = (bytes: Uint8Array, at: number): [number, number] => {
  let value = 0
  for (let place = at, factor = 1; place < bytes.length; place++, factor *= 128) {
    const byte = bytes[place] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return [value, place + 1]
  }
  throw new RangeError('a varint is cut off')
}

/** The texts in a message and in those within it: what has a length and shows on paper is a text. */
const textsIn = (bytes: Uint8Array): string[] => {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = readVarint(bytes, at)
    const [value, end] = readVarint(bytes, start)
    at = end
    if ((tag & 7) === 0) continue
    if ((tag & 7) !== 2) throw new RangeError(`wire type ${tag & 7}`)
    const part = bytes.subarray(end, end + value)
    at += value
    const text = Buffer.from(part).toString()
    texts.push(...(/^[\x20-\x7e]*$/.test(text) ? [text] : textsIn(part)))
  }
  return texts.filter(text => text !== '')
}

/** A message of gRPC: not compressed, its length, itself. */
const framed = (bytes: number[]): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, Buffer.from(bytes)])
}

const call = (socket: string, method: string, message: Message): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
    const stream = session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    const outcome: { status?: string; message?: string } = {}
    // A call that fails at once has its status in the headers.
    const heed = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] === undefined) return
      outcome.status = String(headers['grpc-status'])
      outcome.message = decodeURIComponent(String(headers['grpc-message'] ?? ''))
    }
    stream.on('response', heed)
    stream.on('trailers', heed)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      session.close()
      const status = Number(outcome.status ?? 2)
      const answer = Buffer.concat(chunks).subarray(5)
      resolve({
        status,
        text: status === 0 ? textsIn(answer).join('\n') : (outcome.message ?? 'no status came'),
      })
    })
    for (const emitter of [session, stream]) emitter.on('error', reject)
    setTimeout(() => reject(new Error(`no answer in ${patience} ms`)), patience).unref()
    stream.end(framed(encode(message)))
  })

if (import.meta.main) {
  const [socket = '', method = '', message = '[]'] = process.argv.slice(2)
  const { status, text } = await call(socket, method, JSON.parse(message) as Message)
  if (status !== 0) process.stderr.write(`${method}: ${text}\n`)
  else if (text !== '') process.stdout.write(`${text}\n`)
  process.exit(status)
}
