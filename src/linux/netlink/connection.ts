import { errno, SystemError } from '../sys/errno.ts'
import { pause } from '../sys/pause.ts'
import { NLMSG, readAcknowledgement } from './acknowledgement.ts'
import { type Codec, DecodeError } from './codec.ts'
import { DumpInterruptedError, EventsLostError, NetlinkError, ProtocolError } from './errors.ts'
import { type Message, messageHeaderSize, NLM_F, writeMessage } from './message.ts'
import { NetlinkSocket } from './socket.ts'
import { littleEndian, Writer } from './writer.ts'

/**
 * Theory of operation. Requests to rtnetlink and nf_tables are carried out while sendto runs: when it returns, every
 * answer is queued. So a connection writes many requests into one datagram, asks for an acknowledgement of the last one
 * only (errors come unasked), and then reads until that acknowledgement, matching replies to requests by sequence number.
 * All those answers have to fit into the socket's receive buffer at once, which bounds the requests of one datagram. A dump is one request whose answer comes in many parts and ends with NLMSG_DONE; when the kernel
 * marks it as interrupted (the list changed meanwhile) it is asked for again.
 */

/** Attempts of a dump before it is given up: more means that somebody changes the list all the time. */
const dumpAttempts = 8
/**
 * Requests in one datagram. The default receive buffer (net.core.rmem_default, 208 KiB) was seen to hold 250 refusals,
 * and it charges a reply that shows a whole link with about 3 KiB. Only the first user namespace's root may ask for more.
 */
const requestsPerDatagram = 64
/** A datagram longer than the send buffer (net.core.wmem_default, 208 KiB, and overhead) is refused with EMSGSIZE. */
const bytesPerDatagram = 128 * 1024

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

/** One message of a datagram: its header's fields, and where in `bytes` its payload lies. */
export type Received = {
  type: number
  flags: number
  sequence: number
  /** Port id of the socket whose request it answers; 0 in events that nobody asked for. */
  portId: number
  bytes: Uint8Array
  from: number
  to: number
}

/** What a connection needs of a socket: NetlinkSocket, or a test's own. */
export interface DatagramSocket extends Disposable {
  readonly descriptor: number
  readonly portId: number
  send(bytes: Uint8Array): void
  receive(wait?: boolean): Uint8Array | undefined
  growReceiveBuffer(size: number): void
}

/** Splits a datagram into messages. Throws ProtocolError when a length does not fit (the last may be unaligned). */
export const splitMessages = (bytes: Uint8Array): Received[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messages: Received[] = []
  let at = 0
  while (bytes.length - at >= messageHeaderSize) {
    const length = view.getUint32(at, littleEndian)
    if (length < messageHeaderSize || at + length > bytes.length)
      throw new ProtocolError(
        `a message of ${length} bytes does not fit in the ${bytes.length - at} received`,
      )
    messages.push({
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      sequence: view.getUint32(at + 8, littleEndian),
      portId: view.getUint32(at + 12, littleEndian),
      bytes,
      from: at + messageHeaderSize,
      to: at + length,
    })
    at += (length + 3) & ~3
  }
  if (at < bytes.length) throw new ProtocolError(`${bytes.length - at} bytes are too few for a message`)
  return messages
}

/** Where the requests end that go into one datagram from `first` on: at least one does. */
const endOfDatagram = (sent: readonly SentMessage[], first: number): number => {
  const start = sent[first]?.at ?? 0
  const fits = ({ end }: SentMessage) => end - start <= bytesPerDatagram
  const limit = Math.min(first + requestsPerDatagram, sent.length)
  let end = first + 1
  while (end < limit && fits(sent[end] as SentMessage)) end++
  return end
}

/** A netlink connection to the kernel: one socket, used by one caller at a time. */
export class Connection implements Disposable {
  readonly #socket: DatagramSocket
  /** Grows with what is asked; most of many connections only ever ask for lists. */
  readonly #writer = new Writer(256)
  #sequence = 0

  private constructor(socket: DatagramSocket) {
    this.#socket = socket
  }

  /** Opens a connection (protocol: NETLINK_ROUTE 0, NETLINK_NETFILTER 12) in a namespace given by descriptor. Throws SystemError. */
  static open(protocol: number, options: { namespace?: number; groups?: number[] } = {}): Connection {
    const socket = NetlinkSocket.open(protocol, options.namespace)
    try {
      for (const group of options.groups ?? []) socket.join(group)
    } catch (error) {
      socket[Symbol.dispose]()
      throw error
    }
    return new Connection(socket)
  }

  /** A connection over a socket of the caller's, which it closes in the end. */
  static over(socket: DatagramSocket): Connection {
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
   * Sends all requests and returns each one's replies, or its error: the kernel goes on after a failed request, so the
   * caller must know exactly which ones were carried out. Throws SystemError, EncodeError and ProtocolError.
   */
  executeAll(requests: readonly Request[]): (Reply[] | NetlinkError)[] {
    const results: (Reply[] | NetlinkError)[] = requests.map(() => [])
    this.#writer.reset()
    // Everything is encoded before anything is sent: a value that does not fit must not leave half of the work done.
    const sent = requests.map(item => this.write(this.#writer, item, item.flags | NLM_F.request))
    const { bytes } = this.#writer
    let first = 0
    while (first < sent.length) {
      const end = endOfDatagram(sent, first)
      const last = sent[end - 1] as SentMessage
      const flags = (requests[end - 1] as Request).flags | NLM_F.request | NLM_F.ack
      this.#writer.patchU16(last.at + 6, flags)
      this.#socket.send(bytes.subarray(sent[first]?.at, last.end))
      this.collect(
        bytes,
        sent.slice(first, end),
        true,
        (index, result) => {
          if (result instanceof NetlinkError) results[index] = result
          else (results[index] as Reply[]).push(result)
        },
        first,
      )
      first = end
    }
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
   * Replies with other sequence numbers belong to an earlier, abandoned exchange and are skipped, and so are those
   * meant for another socket. `firstIndex` is the number of the first request, for the results and the errors.
   * Throws ProtocolError, and SystemError: with ENOBUFS, when not waiting, answers were dropped behind those that are
   * still queued, and collecting again reads these.
   */
  collect(
    sentBytes: Uint8Array,
    sent: readonly SentMessage[],
    wait: boolean,
    onResult: (index: number, result: Reply | NetlinkError) => void,
    firstIndex = 0,
  ): void {
    const indexOf = new Map(sent.map((item, index) => [item.sequence, index]))
    const lastIndex = sent.length - 1
    for (;;) {
      const datagram = this.#receive(wait, sent[lastIndex]?.name ?? 'netlink')
      if (datagram === undefined) return
      let done = false
      for (const received of splitMessages(datagram)) {
        const index = indexOf.get(received.sequence)
        if (index === undefined || !this.#isAnswer(received)) continue
        if (received.type !== NLMSG.error && received.type !== NLMSG.done) {
          onResult(firstIndex + index, replyOf(received))
          continue
        }
        const request = firstIndex + index
        const error = readAcknowledgement(received, sent[index] as SentMessage, request, sentBytes)
        if (error) onResult(request, error)
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
      // What interrupts is often the kernel's own work after a change (duplicate address detection): let it finish.
      if (attempt < dumpAttempts) pause(attempt)
    }
    throw new DumpInterruptedError(item.name, dumpAttempts)
  }

  #dumpOnce<V>(item: Request, schema: Codec<V>): V[] | undefined {
    this.#writer.reset()
    const sent = this.write(this.#writer, item, item.flags | NLM_F.request | NLM_F.dump)
    this.#socket.send(this.#writer.bytes)
    const values: V[] = []
    let interrupted = false
    let failure: DecodeError | undefined
    for (;;) {
      for (const received of splitMessages(this.#receive(true, item.name) as Uint8Array)) {
        if (received.sequence !== sent.sequence || !this.#isAnswer(received)) continue
        if (received.flags & NLM_F.dumpInterrupted) interrupted = true
        if (received.type === NLMSG.done || received.type === NLMSG.error) {
          const error = readAcknowledgement(received, sent, 0, this.#writer.bytes)
          if (error?.errno === errno.EINTR) interrupted = true
          else if (error) throw error
          if (failure) throw failure
          return interrupted ? undefined : values
        }
        try {
          values.push(schema.decode(received.bytes, received.from, received.to))
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
          // Read to the end first: the kernel refuses the socket's next dump (EBUSY) while this one is unfinished.
          failure ??= error
        }
      }
    }
  }

  /** Whether a message is meant for this socket, and means something. */
  #isAnswer(received: Received): boolean {
    return received.portId === this.#socket.portId && received.type !== NLMSG.noop
  }

  /**
   * The events that are queued by now, for a connection opened with `groups`; does not wait (poll the descriptor). Throws
   * EventsLostError when the buffer overflowed: then the state must be read anew; the subscription goes on.
   * Use one connection for events and another for requests: events caused by own requests look like replies.
   */
  receiveEvents(): Reply[] {
    const events: Reply[] = []
    for (;;) {
      const datagram = this.#receiveEvent()
      if (datagram === undefined) return events
      for (const received of splitMessages(datagram))
        if (received.type !== NLMSG.noop) events.push(replyOf(received))
    }
  }

  #receiveEvent(): Uint8Array | undefined {
    try {
      return this.#socket.receive(false)
    } catch (cause) {
      if (cause instanceof SystemError && cause.errno === errno.ENOBUFS) throw new EventsLostError(cause)
      throw cause
    }
  }

  #receive(wait: boolean, operation: string): Uint8Array | undefined {
    try {
      return this.#socket.receive(wait)
    } catch (cause) {
      if (cause instanceof SystemError && cause.errno === errno.EAGAIN)
        throw new ProtocolError(`${operation}: no answer of the kernel in time`, { cause })
      if (wait && cause instanceof SystemError && cause.errno === errno.ENOBUFS)
        throw new ProtocolError(`${operation}: answers of the kernel were lost`, { cause })
      throw cause
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

/** A copy of a message that stays when its buffer is used again. */
const replyOf = ({ type, flags, bytes, from, to }: Received): Reply => ({
  type,
  flags,
  payload: bytes.slice(from, to),
})
