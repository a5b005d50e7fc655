import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatIp } from '../net/ip.ts'
import { decodeSocketAddress, encodeSocketAddress } from './socket-address.ts'

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatIp)
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIp)

test('a socket address that was encoded is read as it was', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.integer({ min: 0, max: 65535 }), (address, port) => {
      expect(decodeSocketAddress(encodeSocketAddress({ address, port }))).toEqual({ address, port })
    }),
  )
})

test('struct sockaddr_in: family of the machine’s order, port and address of the network’s', () => {
  const bytes = encodeSocketAddress({ address: '192.168.45.3', port: 8080 })
  expect([...bytes.subarray(2)]).toEqual([0x1f, 0x90, 192, 168, 45, 3, 0, 0, 0, 0, 0, 0, 0, 0])
  expect(new Uint16Array(bytes.buffer)[0]).toBe(2)
})

test('what is no address is refused, and another family is not read', () => {
  expect(() => encodeSocketAddress({ address: '192.168.45', port: 1 })).toThrow(RangeError)
  expect(decodeSocketAddress(new Uint8Array(28))).toBeUndefined()
  expect(
    decodeSocketAddress(encodeSocketAddress({ address: '::1', port: 1 }).subarray(0, 20)),
  ).toBeUndefined()
})
