import { decodeEchoPacket, type EchoPacket, encodeEcho } from '../linux/net/icmp.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { Socket } from '../linux/sys/socket.ts'

/**
 * ping by our own sockets. A raw ICMP socket receives every ICMP message for its namespace, so a ping is told from
 * all others by its payload, which no translation on the way changes (the identifier may change).
 */

export type PingOptions = {
  /** 0..65535; the experiment's is 29610. */
  identifier: number
  /** Requests sent at most, each awaited for `milliseconds`. */
  attempts: number
  milliseconds: number
}

export type PingResult = {
  /** undefined: no answer came. */
  reply: EchoPacket | undefined
  /** From the last request to its reply. */
  milliseconds: number
  /** Symbolic errno where the kernel refused to send (ENETUNREACH). */
  refused: string | undefined
  sent: number
}

const encoder = new TextEncoder()
let pings = 0

/** Sends echo requests from a namespace until one is answered. Throws SystemError when no socket can be made. */
export const ping = (namespace: number, destination: string, options: PingOptions): PingResult => {
  using socket = Socket.open('icmp', { namespace })
  const payload = newPayload()
  for (let sequence = 1; sequence <= options.attempts; sequence++) {
    const start = performance.now()
    try {
      const { identifier } = options
      socket.send(encodeEcho({ type: 'request', identifier, sequence, payload }), {
        address: destination,
        port: 0,
      })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      return { reply: undefined, milliseconds: 0, refused: error.code, sent: sequence - 1 }
    }
    const isOurs = (packet: EchoPacket) =>
      packet.type === 'reply' && packet.sequence === sequence && sameBytes(packet.payload, payload)
    const reply = awaitEcho(socket, options.milliseconds, isOurs)
    if (reply) return { reply, milliseconds: performance.now() - start, refused: undefined, sent: sequence }
  }
  return { reply: undefined, milliseconds: 0, refused: undefined, sent: options.attempts }
}

/** Who asks, as what it sent, and what it got. */
export type Asked = { payload: Uint8Array; reply: EchoPacket | undefined }

/**
 * One request from each of several namespaces, with the same identifier, all sent before an answer is read. Throws
 * SystemError when one cannot be sent.
 */
export const pingTogether = (
  namespaces: readonly number[],
  destination: string,
  { identifier, milliseconds }: Pick<PingOptions, 'identifier' | 'milliseconds'>,
): Asked[] => {
  const sockets: Socket[] = []
  try {
    for (const namespace of namespaces) sockets.push(Socket.open('icmp', { namespace }))
    const payloads = sockets.map(newPayload)
    for (const [index, payload] of payloads.entries())
      sockets[index]?.send(encodeEcho({ type: 'request', identifier, sequence: 1, payload }), {
        address: destination,
        port: 0,
      })
    return payloads.map((payload, index) => {
      const isOurs = (packet: EchoPacket) => packet.type === 'reply' && sameBytes(packet.payload, payload)
      const socket = sockets[index]
      return { payload, reply: socket && awaitEcho(socket, milliseconds, isOurs) }
    })
  } finally {
    for (const socket of sockets) socket.close()
  }
}

const newPayload = (): Uint8Array => encoder.encode(`natspace lab, ping ${process.pid}.${++pings}`)

/** The first echo that fits within the time. Throws SystemError. */
const awaitEcho = (
  socket: Socket,
  milliseconds: number,
  fits: (packet: EchoPacket) => boolean,
): EchoPacket | undefined => {
  const end = performance.now() + milliseconds
  for (;;) {
    const left = end - performance.now()
    const received = left > 0 ? socket.receive(left) : undefined
    if (received === undefined) return undefined
    const packet = decodeEchoPacket(received.bytes)
    if (packet && fits(packet)) return packet
  }
}

/** As many as could lie in a socket's buffer at the most. */
const heardAtMost = 1000

/**
 * The echo requests that reach a namespace while `act` runs, and what `act` returned. A request that was sent in the
 * meantime is queued here before `act` ends, or comes within the short wait after it.
 */
export const listenForRequests = <T>(namespace: number, act: () => T): { heard: EchoPacket[]; result: T } => {
  using ear = Socket.open('icmp', { namespace })
  const result = act()
  const heard: EchoPacket[] = []
  for (let count = 0; count < heardAtMost; count++) {
    const received = ear.receive(count === 0 ? 20 : 0)
    if (received === undefined) break
    const packet = decodeEchoPacket(received.bytes)
    if (packet?.type === 'request') heard.push(packet)
  }
  return { heard, result }
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])

/** '192.168.1.32 > 192.168.1.15, id 29610': an echo as a capture prints it. */
export const echoText = ({ source, destination, identifier }: EchoPacket): string =>
  `${source} > ${destination}, id ${identifier}`
