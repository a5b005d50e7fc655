import type { Descriptor } from '../../../src/linux/sys/descriptor.ts'
import { errno, SystemError } from '../../../src/linux/sys/errno.ts'
import { libc } from '../../../src/linux/sys/libc.ts'
import { openNamespace } from '../../../src/linux/sys/namespace.ts'
import { Socket } from '../../../src/linux/sys/socket.ts'
import { encodeSocketAddress } from '../../../src/linux/sys/socket-address.ts'
import { Loop, POLLIN, POLLOUT, type Watched } from './loop.ts'
import { RawSocket } from './raw-socket.ts'
import { decodeSctp, encodeSctp, IPPROTO_SCTP } from './sctp.ts'

/**
 * Theory of operation. One process holds servers and clients of all namespaces, and one loop serves them. A client sends
 * its number; the server notes it and answers with the address that it saw, and with its own port. TCP and UDP sockets are
 * connected, so an answer counts only if it comes from where the client sent to; for SCTP the tags and ports are looked at.
 */

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** `where` is the name of a namespace; absent: this one. */
export type Server = { where?: string; protocol: Protocol; family: 4 | 6; port: number }

export type Probe = {
  /** 1 and on, each once. */
  id: number
  where?: string
  protocol: Protocol
  to: string
  port: number
  /** The link to go by: link-local addresses need it. */
  device?: string
  /** The source address; absent: what the kernel chooses. */
  from?: string
  /** Is tried a second time when nothing comes back. */
  again: boolean
}

/** What the server said: from where it saw the client, and at which port it was reached. */
export type Answer = { peer: string; port: number }

export type Report = {
  /** By the number of the probe; absent: no answer. */
  answers: Record<number, Answer>
  /** Probes that a server took in, answered or not. */
  arrived: number[]
}

const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const one = new Uint8Array(new Int32Array([1]).buffer)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** As many at once as have file descriptors. */
const batch = 200
const patience = 500

/** Sets up the servers, sends all probes, and tells what became of them. Throws SystemError when a server cannot be. */
export const exchange = (servers: readonly Server[], probes: readonly Probe[]): Report => {
  const party = new Exchange()
  for (const server of servers) party.serve(server)
  const rounds = [probes, probes.filter(({ again }) => again)]
  for (const round of rounds) {
    const open = round.filter(({ id }) => party.report.answers[id] === undefined)
    for (let first = 0; first < open.length; first += batch) party.send(open.slice(first, first + batch))
  }
  const { answers, arrived } = party.report
  return { answers, arrived: [...new Set(arrived)] }
}

class Exchange {
  readonly report: Report = { answers: {}, arrived: [] }
  readonly #loop = new Loop()
  readonly #namespaces = new Map<string, Descriptor>()
  readonly #sctp = new Map<string, SctpEnd>()
  readonly #pending = new Map<number, () => void>()

  serve({ where, protocol, family, port }: Server): void {
    if (protocol === 'sctp') {
      this.#sctpEnd(where, family).served.add(port)
      return
    }
    const socket = Socket.open(protocol, { namespace: this.#namespace(where), family })
    if (family === 6 && libc().setsockopt(socket.descriptor, IPPROTO_IPV6, IPV6_V6ONLY, one, 4) !== 0)
      throw new SystemError('setsockopt', libc().errno())
    socket.bind({ address: family === 4 ? '0.0.0.0' : '::', port })
    const { descriptor } = socket
    if (protocol === 'tcp' && libc().listen(descriptor, 64) !== 0)
      throw new SystemError('listen', libc().errno())
    const ready = protocol === 'tcp' ? () => this.#accept(socket, port) : () => this.#answer(socket, port)
    this.#loop.watch({ descriptor, events: POLLIN, ready })
  }

  /** Sends them all, and waits until each has its answer or none is to be expected any more. */
  send(probes: readonly Probe[]): void {
    const closing = probes.map(probe =>
      probe.protocol === 'sctp' ? this.#init(probe) : this.#connect(probe),
    )
    this.#loop.run(() => this.#pending.size === 0, patience)
    for (const close of closing) close()
    this.#pending.clear()
  }

  #namespace(where: string | undefined): number | undefined {
    if (where === undefined) return undefined
    const known = this.#namespaces.get(where) ?? openNamespace(`/run/netns/${where}`)
    this.#namespaces.set(where, known)
    return known.number
  }

  #accept(server: Socket, port: number): void {
    const socket = server.accept(0)
    if (socket === undefined) return
    const peer = socket.peer.address
    const end = () => {
      this.#loop.forget(watched)
      socket.close()
    }
    const ready = () =>
      unlessRefused(() => {
        const received = socket.receive(0)
        if (received === undefined) return
        if (received.bytes.length > 0) socket.send(this.#arrived(received.bytes, { peer, port }))
        end()
      }, end)
    const watched = this.#loop.watch({ descriptor: socket.descriptor, events: POLLIN, ready })
  }

  #answer(server: Socket, port: number): void {
    const received = server.receive(0)
    if (received?.from === undefined) return
    const { bytes, from } = received
    unlessRefused(
      () => server.send(this.#arrived(bytes, { peer: from.address, port }), from),
      () => {},
    )
  }

  #arrived(bytes: Uint8Array, answer: Answer): Uint8Array {
    const id = Number(decoder.decode(bytes))
    this.report.arrived.push(id)
    return encoder.encode(JSON.stringify({ id, ...answer }))
  }

  #done(text: string): void {
    const { id, peer, port } = JSON.parse(text) as Answer & { id: number }
    this.report.answers[id] = { peer, port }
    this.#pending.get(id)?.()
  }

  #connect({ id, where, protocol, to, port, device, from }: Probe): () => void {
    const family = to.includes(':') ? 6 : 4
    const socket = Socket.open(protocol as 'tcp' | 'udp', { namespace: this.#namespace(where), family })
    const end = () => {
      this.#loop.forget(watched)
      this.#pending.delete(id)
    }
    let isSent = false
    const ready = () =>
      unlessRefused(() => {
        if (isSent) {
          const received = socket.receive(0)
          if (received !== undefined && received.bytes.length > 0) this.#done(decoder.decode(received.bytes))
          else if (received !== undefined) end()
          return
        }
        socket.send(encoder.encode(String(id)))
        isSent = true
        watched.events = POLLIN
      }, end)
    const watched: Watched = { descriptor: socket.descriptor, events: POLLIN | POLLOUT, ready }
    this.#pending.set(id, end)
    if (device !== undefined) bindToDevice(socket.descriptor, device)
    if (from !== undefined) socket.bind({ address: from, port: 0 })
    const address = encodeSocketAddress({ address: to, port })
    const isStarted = libc().connect(socket.descriptor, address, address.length) === 0
    if (isStarted || libc().errno() === errno.EINPROGRESS) this.#loop.watch(watched)
    else end()
    return () => {
      this.#loop.forget(watched)
      socket.close()
    }
  }

  #sctpEnd(where: string | undefined, family: 4 | 6, device = '', from = ''): SctpEnd {
    const key = `${where ?? ''} ${family} ${device} ${from}`
    const known = this.#sctp.get(key)
    if (known !== undefined) return known
    const socket = new RawSocket(IPPROTO_SCTP, family, this.#namespace(where))
    if (device !== '') bindToDevice(socket.descriptor, device)
    if (from !== '') socket.bind(from)
    const end: SctpEnd = { socket, served: new Set(), sent: new Map() }
    this.#sctp.set(key, end)
    this.#loop.watch({ descriptor: socket.descriptor, events: POLLIN, ready: () => this.#takeSctp(end) })
    return end
  }

  #init({ id, where, to, port, device, from }: Probe): () => void {
    const { socket, sent } = this.#sctpEnd(where, to.includes(':') ? 6 : 4, device, from)
    const sourcePort = 20_000 + id
    const initiateTag = 0x5000_0000 + id
    const end = () => this.#pending.delete(id)
    this.#pending.set(id, end)
    sent.set(initiateTag, { to, port, sourcePort })
    unlessRefused(
      () =>
        socket.send(
          encodeSctp({ sourcePort, destinationPort: port, verificationTag: 0, kind: 'init', initiateTag }),
          to,
        ),
      end,
    )
    return () => {}
  }

  #takeSctp({ socket, served, sent }: SctpEnd): void {
    const received = socket.receive()
    const packet = received === undefined ? undefined : decodeSctp(received.bytes)
    if (received === undefined || packet === undefined) return
    const { sourcePort, destinationPort, verificationTag, initiateTag } = packet
    if (packet.kind === 'init') {
      if (!served.has(destinationPort) || verificationTag !== 0) return
      const id = encoder.encode(String(initiateTag - 0x5000_0000))
      const cookie = decoder.decode(this.#arrived(id, { peer: received.from, port: destinationPort }))
      socket.send(
        encodeSctp({
          sourcePort: destinationPort,
          destinationPort: sourcePort,
          verificationTag: initiateTag,
          kind: 'init-ack',
          initiateTag: 0x6000_0000 + destinationPort,
          cookie,
        }),
        received.from,
      )
      return
    }
    const asked = sent.get(verificationTag)
    const isAnswer =
      asked?.to === received.from && asked.port === sourcePort && asked.sourcePort === destinationPort
    if (isAnswer && packet.cookie !== undefined) this.#done(packet.cookie)
  }
}

/** A raw socket that serves ports, or asks, or both. `sent`: what was sent to where, by its tag. */
type SctpEnd = {
  socket: RawSocket
  served: Set<number>
  sent: Map<number, { to: string; port: number; sourcePort: number }>
}

const bindToDevice = (descriptor: number, device: string): void => {
  const name = encoder.encode(`${device}\0`)
  if (libc().setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0)
    throw new SystemError('setsockopt', libc().errno())
}

/** Whatever the network answers instead (refused, no route, prohibited) means: not reached. */
const unlessRefused = (action: () => void, refused: () => void): void => {
  try {
    action()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    refused()
  }
}
