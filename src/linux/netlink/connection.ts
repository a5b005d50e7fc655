import { errno, SystemError } from '../sys/errno.ts'
import { type Codec, DecodeError } from './codec.ts'
import { rawAttributes } from './composite.ts'
import { DumpInterruptedError, NetlinkError, ProtocolError } from './errors.ts'
import { attributePath, type Message, messageHeaderSize, NLM_F, writeMessage } from './message.ts'
import { NetlinkSocket } from './socket.ts'
import { littleEndian, Writer } from './writer.ts'

/**
 * Theory of operation. Requests to rtnetlink and nf_tables are carried out while sendto runs: when it returns, every
 * answer is queued. So a connection writes any number of requests into one datagram, asks for an acknowledgement of the
 * last one only (errors come unasked), and then reads until that acknowledgement, matching replies to requests by
 * sequence number. A dump is one request whose answer comes in many parts and ends with NLMSG_DONE; when the kernel
 * marks it as interrupted (the list changed meanwhile) it is asked for again.
 */

const NLMSG_NOOP = 1
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLMSGERR_ATTR_MSG = 1
const NLMSGERR_ATTR_OFFS = 2
/** Attempts of a dump before it is given up: more means that somebody changes the list all the time. */
const dumpAttempts = 8

/** One request: the message's type and flags, its schema and its value. `name` is for error texts (`RTM_NEWLINK`). */
export type Request = {
  name: string
  type: number
  flags: number
  schema: Codec<unknown>
  value: unknown
}

/** Makes a request with the value checked against the schema. NLM_F_REQUEST is added when it is sent. */
export const request = <H, A>(
  name: string,
  type: number,
  flags: number,
  schema: Message<H, A>,
  value: { header: H; attributes: A },
): Request => ({ name, type, flags, schema, value })

/** One reply message: its type and a copy of its payload. */
export type Reply = { type: number; flags: number; payload: Uint8Array }

/** Where a request lies in the bytes that were sent: needed to turn an offset in an error into an attribute. */
export type SentMessage = { name: string; sequence: number; at: number; end: number; schema: Codec<unknown> }

type Received = { type: number; flags: number; sequence: number; bytes: Uint8Array; from: number; to: number }

/** Splits a datagram into messages. Throws ProtocolError when a length does not fit (the last may be unaligned). */
export function* splitMessages(bytes: Uint8Array): Generator<Received> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (bytes.length - at >= messageHeaderSize) {
    const length = view.getUint32(at, littleEndian)
    if (length < messageHeaderSize || at + length > bytes.length)
      throw new ProtocolError(
        `a message of ${length} bytes does not fit in the ${bytes.length - at} received`,
      )
    yield {
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      sequence: view.getUint32(at + 8, littleEndian),
      bytes,
      from: at + messageHeaderSize,
      to: at + length,
    }
    at += (length + 3) & ~3
  }
  if (at < bytes.length) throw new ProtocolError(`${bytes.length - at} bytes are too few for a message`)
}

/** A netlink connection to the kernel: one socket, used by one caller at a time. */
export class Connection implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #writer = new Writer(16 * 1024)
  #sequence = 0

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Opens a connection (protocol: NETLINK_ROUTE 0, NETLINK_NETFILTER 12) in a namespace given by descriptor. Throws SystemError. */
  static open(protocol: number, options: { namespace?: number; groups?: number[] } = {}): Connection {
    const socket = NetlinkSocket.open(protocol, options.namespace)
    for (const group of options.groups ?? []) socket.join(group)
    return new Connection(socket)
  }

  get descriptor(): number {
    return this.#socket.descriptor
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1
    return this.#sequence
  }

  /**
   * Sends all requests in one datagram and returns each one's replies, or its error: the kernel goes on after a failed
   * request, so the caller must know exactly which ones were carried out.
   */
  executeAll(requests: readonly Request[]): (Reply[] | NetlinkError)[] {
    if (requests.length === 0) return []
    this.#writer.reset()
    const sent = requests.map((item, index) => {
      const last = index === requests.length - 1
      const flags = item.flags | NLM_F.request | (last ? NLM_F.ack : 0)
      return this.write(this.#writer, item, flags)
    })
    const results: (Reply[] | NetlinkError)[] = requests.map(() => [])
    if (requests.length > 500) this.#socket.growReceiveBuffer(4 * 1024 * 1024)
    this.#socket.send(this.#writer.bytes)
    this.collect(this.#writer.bytes, sent, true, (index, result) => {
      if (result instanceof NetlinkError) results[index] = result
      else (results[index] as Reply[]).push(result)
    })
    return results
  }

  /** As executeAll, but throws the first NetlinkError. */
  execute(requests: readonly Request[]): Reply[][] {
    return this.executeAll(requests).map(result => {
      if (result instanceof NetlinkError) throw result
      return result
    })
  }

  /** Writes one message into a batch. Used where requests do not go one by one (nf_tables). */
  write(writer: Writer, item: Request, flags: number): SentMessage {
    const sequence = this.nextSequence()
    const at = writeMessage(writer, item.type, flags, sequence, () => item.schema.encode(writer, item.value))
    return { name: item.name, sequence, at, end: writer.length, schema: item.schema }
  }

  /** Sends bytes that were written by `write`; `collect` reads what comes back. */
  send(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  growReceiveBuffer(size: number): void {
    this.#socket.growReceiveBuffer(size)
  }

  /**
   * Reads replies to the sent messages: until the last is acknowledged (`wait`), or until nothing is queued any more.
   * Replies with other sequence numbers belong to an earlier, abandoned exchange and are skipped.
   */
  collect(
    sentBytes: Uint8Array,
    sent: readonly SentMessage[],
    wait: boolean,
    onResult: (index: number, result: Reply | NetlinkError) => void,
  ): void {
    const indexOf = new Map(sent.map((item, index) => [item.sequence, index]))
    const lastIndex = sent.length - 1
    for (;;) {
      const datagram = this.#receive(wait, sent[lastIndex]?.name ?? 'netlink')
      if (datagram === undefined) return
      let done = false
      for (const received of splitMessages(datagram)) {
        const index = indexOf.get(received.sequence)
        if (index === undefined || received.type === NLMSG_NOOP) continue
        if (received.type !== NLMSG_ERROR && received.type !== NLMSG_DONE) {
          const { type, flags, bytes, from, to } = received
          onResult(index, { type, flags, payload: bytes.slice(from, to) })
          continue
        }
        const error = readAcknowledgement(received, sent[index] as SentMessage, index, sentBytes)
        if (error) onResult(index, error)
        if (index === lastIndex) done = true
      }
      if (done && wait) return
    }
  }

  /**
   * Asks for a list and returns all of it, decoded. Throws NetlinkError, DumpInterruptedError, DecodeError.
   * A kernel that filters by itself is asked to (strict checking is on).
   */
  dump<V>(item: Request, schema: Codec<V>): V[] {
    for (let attempt = 1; attempt <= dumpAttempts; attempt++) {
      const values = this.#dumpOnce(item, schema)
      if (values !== undefined) return values
    }
    throw new DumpInterruptedError(item.name, dumpAttempts)
  }

  #dumpOnce<V>(item: Request, schema: Codec<V>): V[] | undefined {
    this.#writer.reset()
    const sent = this.write(this.#writer, item, item.flags | NLM_F.request | NLM_F.dump)
    this.#socket.send(this.#writer.bytes)
    const values: V[] = []
    let interrupted = false
    for (;;) {
      for (const received of splitMessages(this.#receive(true, item.name) as Uint8Array)) {
        if (received.sequence !== sent.sequence || received.type === NLMSG_NOOP) continue
        if (received.flags & NLM_F.dumpInterrupted) interrupted = true
        if (received.type === NLMSG_DONE || received.type === NLMSG_ERROR) {
          const error = readAcknowledgement(received, sent, 0, this.#writer.bytes)
          if (error?.errno === errno.EINTR) interrupted = true
          else if (error) throw error
          return interrupted ? undefined : values
        }
        values.push(schema.decode(received.bytes, received.from, received.to))
      }
    }
  }

  #receive(wait: boolean, operation: string): Uint8Array | undefined {
    try {
      return this.#socket.receive(wait)
    } catch (cause) {
      if (cause instanceof SystemError && cause.errno === errno.EAGAIN)
        throw new ProtocolError(`${operation}: no answer of the kernel in time`, { cause })
      throw cause
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

/**
 * Reads NLMSG_ERROR and NLMSG_DONE: a negative errno (0 is success), then, where the flag says so, the kernel's
 * sentence and the offset of the attribute it means (struct nlmsgerr, NLMSGERR_ATTR_*).
 */
const readAcknowledgement = (
  received: Received,
  sent: SentMessage,
  index: number,
  sentBytes: Uint8Array,
): NetlinkError | undefined => {
  const { bytes, from, to, type, flags } = received
  if (to - from < 4) {
    if (type === NLMSG_DONE) return undefined
    throw new ProtocolError('an error message is too short for its errno')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = -view.getInt32(from, littleEndian)
  if (number === 0) return undefined
  let kernelMessage: string | undefined
  let path: string[] = []
  if (flags & NLM_F.ackTlvs) {
    // After the errno comes the header of the request, and its payload too unless NLM_F_CAPPED is set.
    const quoted =
      type === NLMSG_DONE
        ? 0
        : flags & NLM_F.capped
          ? messageHeaderSize
          : view.getUint32(from + 4, littleEndian)
    try {
      for (const attribute of rawAttributes(bytes, from + 4 + ((quoted + 3) & ~3), to)) {
        if ((attribute.type & 0x3fff) === NLMSGERR_ATTR_MSG)
          kernelMessage = new TextDecoder()
            .decode(bytes.subarray(attribute.from, attribute.to))
            .replace(/\0.*$/s, '')
        else if ((attribute.type & 0x3fff) === NLMSGERR_ATTR_OFFS && attribute.to - attribute.from === 4) {
          const offset = sent.at + view.getUint32(attribute.from, littleEndian)
          path = attributePath(sent.schema, sentBytes, sent.at + messageHeaderSize, sent.end, offset)
        }
      }
    } catch (error) {
      // The errno is the message; a garbled explanation must not hide it.
      if (!(error instanceof DecodeError)) throw error
    }
  }
  return new NetlinkError({
    operation: sent.name,
    request: index,
    errno: number,
    kernelMessage,
    attributePath: path,
  })
}
