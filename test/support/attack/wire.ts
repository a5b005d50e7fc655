/** A link seen from its end: what is put on it byte by byte, and what comes off it (packet(7)). */
import { Descriptor } from '../../../src/linux/sys/descriptor.ts'
import { errno, SystemError } from '../../../src/linux/sys/errno.ts'
import { libc } from '../../../src/linux/sys/libc.ts'
import { insideNamespace, openNamespace } from '../../../src/linux/sys/namespace.ts'
import { run } from '../sandbox.ts'
import { ethernet, readFrame, type Seen } from './frame.ts'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const ETH_P_ALL = 3
const PACKET_OUTGOING = 4
const POLLIN = 1

/** How long to wait for what must come, and for what must not, in milliseconds. */
export const patience = { comes: 3000, stays: 40 } as const

/** struct sockaddr_ll (linux/if_packet.h). */
const linkAddress = (index: number): Uint8Array => {
  const bytes = new Uint8Array(20)
  new Uint16Array(bytes.buffer)[0] = AF_PACKET
  new DataView(bytes.buffer).setUint16(2, ETH_P_ALL)
  new Int32Array(bytes.buffer)[1] = index
  return bytes
}

const failed = (call: string): SystemError => new SystemError(call, libc().errno())

/** `using wire = new Wire('attacker', 'eth0')`: the link of a namespace in /run/netns. Needs CAP_NET_RAW there. */
export class Wire implements Disposable {
  readonly #descriptor: Descriptor
  /** MAC address of the link. */
  readonly address: string

  constructor(namespace: string, device: string) {
    using descriptor = openNamespace(`/run/netns/${namespace}`)
    const text = run('ip', ['-n', namespace, '-j', 'link', 'show', device])
    const [link] = JSON.parse(text) as { ifindex: number; address: string }[]
    if (link === undefined) throw new Error(`no link ${device} in ${namespace}`)
    this.address = link.address
    this.#descriptor = insideNamespace(descriptor.number, () => {
      const number = libc().socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
      if (number < 0) throw failed('socket')
      return new Descriptor(number)
    })
    const local = linkAddress(link.ifindex)
    if (libc().bind(this.#descriptor.number, local, local.length) !== 0) throw failed('bind')
  }

  /** Puts an IP packet into a frame to the given MAC address and on the wire. */
  send(to: string, ...packets: Uint8Array[]): void {
    for (const packet of packets) {
      const frame = ethernet(to, this.address, packet)
      if (libc().sendto(this.#descriptor.number, frame, frame.length, 0, null, 0) < 0) throw failed('sendto')
    }
  }

  /** The next packet that comes in and passes, or undefined when none did in time. What the link itself sends is none. */
  next(passes: (seen: Seen) => boolean, milliseconds: number): Seen | undefined {
    const end = performance.now() + milliseconds
    const pollfd = new DataView(new ArrayBuffer(8))
    new Int32Array(pollfd.buffer)[0] = this.#descriptor.number
    new Int16Array(pollfd.buffer)[2] = POLLIN
    for (;;) {
      const seen = this.#read()
      if (seen !== undefined && passes(seen)) return seen
      if (seen !== undefined) continue
      const left = Math.ceil(end - performance.now())
      if (left <= 0) return undefined
      libc().poll(new Uint8Array(pollfd.buffer), 1, left)
    }
  }

  /** What has come in so far and passes; waits for more as long as told. */
  all(passes: (seen: Seen) => boolean, milliseconds: number): Seen[] {
    const found: Seen[] = []
    const keep = (seen: Seen) => {
      if (passes(seen)) found.push(seen)
      return false
    }
    this.next(keep, milliseconds)
    return found
  }

  /** One packet from the queue: undefined when it is empty. */
  #read(): Seen | undefined {
    for (;;) {
      const buffer = new Uint8Array(65_535)
      const from = new Uint8Array(20)
      const size = new Uint8Array(new Int32Array([from.length]).buffer)
      const length = libc().recvfrom(this.#descriptor.number, buffer, buffer.length, 0, from, size)
      if (length < 0 && libc().errno() === errno.EAGAIN) return undefined
      if (length < 0) throw failed('recvfrom')
      const seen = readFrame(buffer.subarray(0, length))
      if (seen !== undefined && from[10] !== PACKET_OUTGOING) return seen
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor.close()
  }
}
