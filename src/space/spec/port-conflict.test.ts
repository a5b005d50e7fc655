import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Listener } from '../../linux/socket-diag/listener.ts'
import { findListenerConflict } from './port-conflict.ts'
import { parsePublish } from './publish.ts'
import { anyPublish } from './test-support.ts'

/** `tcp 127.0.0.1 8080`, `tcp :: 8080 v6only` */
const listener = (text: string): Listener => {
  const [protocol, address = '', port, only] = text.split(' ')
  const family = address.includes(':') ? 6 : 4
  return {
    protocol: protocol as Listener['protocol'],
    family,
    address,
    port: Number(port),
    ...(family === 6 ? { v6Only: only === 'v6only' } : {}),
    user: 0,
    inode: 1,
  }
}

const conflicts = (publish: string, listens: string, families: readonly (4 | 6)[]): boolean =>
  findListenerConflict(parsePublish(publish), [listener(listens)], families) !== undefined

const both = [4, 6] as const
const ipv4 = [4] as const
const ipv6 = [6] as const

test.each([
  // Without an address of the host every listener of the family is shadowed, those of the loopback too.
  ['8080:80', 'tcp 0.0.0.0 8080', ipv4],
  ['8080:80', 'tcp 127.0.0.1 8080', ipv4],
  ['8080:80', 'tcp 192.168.1.32 8080', ipv4],
  ['8080:80', 'tcp :: 8080', ipv4],
  ['8080:80', 'tcp ::ffff:127.0.0.1 8080', ipv4],
  ['8080:80', 'tcp ::ffff:0.0.0.0 8080', ipv4],
  ['8080:80', 'tcp :: 8080 v6only', both],
  ['8080:80', 'tcp ::1 8080', both],
  ['8080:80', 'tcp :: 8080', ipv6],
  // With one it is that address, or any.
  ['192.168.1.32:8080:80', 'tcp 192.168.1.32 8080', ipv4],
  ['192.168.1.32:8080:80', 'tcp 0.0.0.0 8080', ipv4],
  ['192.168.1.32:8080:80', 'tcp :: 8080', ipv4],
  ['192.168.1.32:8080:80', 'tcp ::ffff:192.168.1.32 8080', both],
  ['[fd00::1]:8080:80', 'tcp fd00::1 8080', both],
  ['[fd00::1]:8080:80', 'tcp :: 8080 v6only', both],
  ['[::]:8080:80', 'tcp ::1 8080', both],
  // Ranges and transports.
  ['9000-9010', 'tcp 0.0.0.0 9000', ipv4],
  ['9000-9010', 'tcp 0.0.0.0 9010', ipv4],
  ['53/udp', 'udp 127.0.0.53 53', ipv4],
  ['3868/sctp', 'sctp 0.0.0.0 3868', ipv4],
] as const)('%s conflicts with %s', (publish, listens, families) =>
  expect(conflicts(publish, listens, families)).toBe(true),
)

test.each([
  ['8080:80', 'tcp 0.0.0.0 80', ipv4],
  ['8080:80', 'udp 0.0.0.0 8080', ipv4],
  ['9000-9010', 'tcp 0.0.0.0 8999', ipv4],
  ['9000-9010', 'tcp 0.0.0.0 9011', ipv4],
  ['8080:80', 'tcp :: 8080 v6only', ipv4],
  ['8080:80', 'tcp ::1 8080', ipv4],
  ['8080:80', 'tcp ::ffff:1 8080', ipv4],
  ['8080:80', 'tcp 0.0.0.0 8080', ipv6],
  ['8080:80', 'tcp ::ffff:127.0.0.1 8080', ipv6],
  ['192.168.1.32:8080:80', 'tcp 127.0.0.1 8080', both],
  ['192.168.1.32:8080:80', 'tcp :: 8080 v6only', both],
  ['192.168.1.32:8080:80', 'tcp fd00::1 8080', both],
  ['[fd00::1]:8080:80', 'tcp fd00::2 8080', both],
  ['[fd00::1]:8080:80', 'tcp 0.0.0.0 8080', both],
  ['5353/udp', 'udp 224.0.0.251 5353', both],
  ['5353/udp', 'udp ff02::fb 5353', both],
  ['5353/udp', 'udp ::ffff:224.0.0.251 5353', both],
  ['67/udp', 'udp 255.255.255.255 67', both],
] as const)('%s goes together with %s', (publish, listens, families) =>
  expect(conflicts(publish, listens, families)).toBe(false),
)

test('the first of several is told', () => {
  const listeners = ['udp 0.0.0.0 8080', 'tcp 127.0.0.1 8080', 'tcp 0.0.0.0 8080'].map(listener)
  expect(findListenerConflict(parsePublish('8080:80'), listeners, ipv4)).toBe(listeners[1] as Listener)
  expect(findListenerConflict(parsePublish('8080:80'), [], ipv4)).toBeUndefined()
})

describe('what holds for every listener', () => {
  const addresses = ['0.0.0.0', '127.0.0.1', '192.168.1.32', '::', '::1', 'fd00::1', '::ffff:1.2.3.4']
  const anyListener = fc
    .record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      address: fc.constantFrom(...addresses),
      port: fc.integer({ min: 1, max: 65535 }),
      v6Only: fc.boolean(),
    })
    .map(({ address, v6Only, ...rest }): Listener => {
      const family = address.includes(':') ? 6 : 4
      return { ...rest, address, family, ...(family === 6 ? { v6Only } : {}), user: 0, inode: 1 }
    })
  const anyFamilies = fc.constantFrom(ipv4, ipv6, both)
  /** Mostly of one port and transport, so that the addresses decide. */
  const pairs = fc
    .tuple(anyPublish, anyListener, fc.boolean())
    .map(([publish, found, meet]): [typeof publish, Listener] => [
      publish,
      meet ? { ...found, protocol: publish.protocol, port: publish.hostPort.last } : found,
    ])

  test('with an address of the host no more conflicts than without one', () => {
    fc.assert(
      fc.property(pairs, ([publish, found]) => {
        const { hostAddress: _, ...everywhere } = publish
        if (findListenerConflict(publish, [found], both) !== undefined)
          expect(findListenerConflict(everywhere, [found], both)).toBe(found)
      }),
      { numRuns: 1000 },
    )
  })

  test('both families conflict where one of them does', () => {
    fc.assert(
      fc.property(pairs, ([publish, found]) => {
        const one = [ipv4, ipv6].some(families => findListenerConflict(publish, [found], families))
        expect(findListenerConflict(publish, [found], both) !== undefined).toBe(one)
      }),
      { numRuns: 1000 },
    )
  })

  test('a port outside of the range, or another transport, never conflicts', () => {
    fc.assert(
      fc.property(anyPublish, anyListener, anyFamilies, (publish, found, families) => {
        const { first, last } = publish.hostPort
        const inside = found.port >= first && found.port <= last
        if (!inside || found.protocol !== publish.protocol)
          expect(findListenerConflict(publish, [found], families)).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })
})
