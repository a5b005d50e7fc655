/** A socket whose other end is a test: what netlink connections are tried with where the real kernel never goes wrong. */
import type { DatagramSocket } from '../../src/linux/netlink/connection.ts'
import { writeMessage } from '../../src/linux/netlink/message.ts'
import { Writer } from '../../src/linux/netlink/writer.ts'
import { errno, SystemError } from '../../src/linux/sys/errno.ts'

/** A request as the fake kernel sees it. */
export type Asked = { type: number; flags: number; sequence: number; bytes: Uint8Array }

/** A message to answer with; `sequence` and `portId` default to those of a proper answer. */
export type Answer = {
  type: number
  flags?: number
  sequence: number
  portId?: number
  payload?: Uint8Array
}

/** What one receive gives: a datagram of these messages, raw bytes, or a failure with this errno. */
export type Datagram = Answer[] | Uint8Array | { errno: number }

export class FakeNetlinkSocket implements DatagramSocket {
  readonly descriptor = -1
  readonly portId = 4711
  /** All datagrams sent, as lists of requests. */
  readonly sent: Asked[][] = []
  closed = false
  readonly #kernel: (asked: Asked[]) => Datagram[]
  readonly #queue: Datagram[] = []
  // As the real one does it: every datagram is received into the same memory.
  readonly #buffer = new Uint8Array(256 * 1024)

  /** `kernel` gives the datagrams that come back for one that was sent. */
  constructor(kernel: (asked: Asked[]) => Datagram[]) {
    this.#kernel = kernel
  }

  /** Queues something that nobody asked for. */
  push(...datagrams: Datagram[]): void {
    this.#queue.push(...datagrams)
  }

  send(bytes: Uint8Array): void {
    const asked: Asked[] = []
    const view = Buffer.from(bytes)
    for (let at = 0; at < bytes.length; at += (view.readUInt32LE(at) + 3) & ~3)
      asked.push({
        type: view.readUInt16LE(at + 4),
        flags: view.readUInt16LE(at + 6),
        sequence: view.readUInt32LE(at + 8),
        bytes: bytes.slice(at, at + view.readUInt32LE(at)),
      })
    this.sent.push(asked)
    this.push(...this.#kernel(asked))
  }

  receive(wait = true): Uint8Array | undefined {
    const next = this.#queue.shift()
    if (next === undefined) {
      if (wait) throw new SystemError('recvfrom', errno.EAGAIN)
      return undefined
    }
    if ('errno' in next) throw new SystemError('recvfrom', next.errno)
    const bytes = next instanceof Uint8Array ? next : this.#encode(next)
    this.#buffer.fill(0xee)
    this.#buffer.set(bytes)
    return this.#buffer.subarray(0, bytes.length)
  }

  #encode(answers: Answer[]): Uint8Array {
    const writer = new Writer()
    for (const { type, flags = 0, sequence, portId = this.portId, payload = new Uint8Array() } of answers) {
      const at = writeMessage(writer, type, flags, sequence, inner => inner.raw(payload))
      writer.patchU32(at + 12, portId)
    }
    return writer.bytes
  }

  growReceiveBuffer(): void {}

  [Symbol.dispose](): void {
    this.closed = true
  }
}

/** The payload of NLMSG_ERROR, as capped: the errno (positive; 0 is an acknowledgement), then the request's header. */
export const errorPayload = (number: number, asked: Asked, attributes = new Uint8Array()): Uint8Array => {
  const writer = new Writer()
  writer.u32(-number >>> 0)
  writer.raw(asked.bytes.subarray(0, 16))
  writer.raw(attributes)
  return writer.bytes.slice()
}
