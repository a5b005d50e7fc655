import { Descriptor } from '../../../src/linux/sys/descriptor.ts'
import { errno, SystemError } from '../../../src/linux/sys/errno.ts'
import { libc } from '../../../src/linux/sys/libc.ts'
import { insideNamespace } from '../../../src/linux/sys/namespace.ts'
import {
  addressFamilyNumber,
  decodeSocketAddress,
  encodeSocketAddress,
  socketAddressSize,
} from '../../../src/linux/sys/socket-address.ts'

const SOCK_RAW_NONBLOCK = 3 | 0o4000 | 0o2000000

/** A raw IP socket of a namespace (CAP_NET_RAW): it is given every packet of its protocol that is for this host. */
export class RawSocket {
  readonly #descriptor: Descriptor
  readonly #family: 4 | 6

  /** Throws SystemError. */
  constructor(protocol: number, family: 4 | 6, namespace: number | undefined) {
    const create = () => {
      const number = libc().socket(addressFamilyNumber(family), SOCK_RAW_NONBLOCK, protocol)
      if (number < 0) throw new SystemError('socket', libc().errno())
      return new Descriptor(number)
    }
    this.#descriptor = namespace === undefined ? create() : insideNamespace(namespace, create)
    this.#family = family
  }

  get descriptor(): number {
    return this.#descriptor.number
  }

  /** Equivalent to setsockopt(2). Throws SystemError. */
  option(level: number, name: number, value: Uint8Array): void {
    if (libc().setsockopt(this.descriptor, level, name, value, value.length) !== 0)
      throw new SystemError('setsockopt', libc().errno())
  }

  /** Sends from this address alone, and receives for it alone. Throws SystemError. */
  bind(to: string): void {
    const address = encodeSocketAddress({ address: to, port: 0 })
    if (libc().bind(this.descriptor, address, address.length) !== 0)
      throw new SystemError('bind', libc().errno())
  }

  /** Sends what comes below the IP header. Throws SystemError (ENETUNREACH; EPERM: the own firewall). */
  send(bytes: Uint8Array, to: string): void {
    const address = encodeSocketAddress({ address: to, port: 0 })
    if (libc().sendto(this.descriptor, bytes, bytes.length, 0, address, address.length) < 0)
      throw new SystemError('sendto', libc().errno())
  }

  /** What is there already, without its IP header; undefined when nothing is. Throws SystemError. */
  receive(): { bytes: Uint8Array; from: string } | undefined {
    const buffer = new Uint8Array(4096)
    const sender = new Uint8Array(socketAddressSize)
    const size = new Uint8Array(new Int32Array([sender.length]).buffer)
    const length = libc().recvfrom(this.descriptor, buffer, buffer.length, 0, sender, size)
    if (length < 0) {
      const number = libc().errno()
      if (number === errno.EAGAIN) return undefined
      throw new SystemError('recvfrom', number)
    }
    // Those of IPv4 come with it.
    const header = this.#family === 4 ? ((buffer[0] ?? 0) & 15) * 4 : 0
    return { bytes: buffer.subarray(header, length), from: decodeSocketAddress(sender)?.address ?? '?' }
  }
}
