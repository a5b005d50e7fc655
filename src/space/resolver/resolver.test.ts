import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isLoopback } from '../../linux/net/ip.ts'
import { chooseResolver, type SpaceFacts } from './resolver.ts'

const host = '/etc/resolv.conf'
const upstream = '/run/systemd/resolve/resolv.conf'
const files = (texts: Record<string, string>) => (path: string) => texts[path]
const hostSays = (text: string, others: Record<string, string> = {}) => files({ [host]: text, ...others })

const space = (facts: Partial<SpaceFacts> = {}): SpaceFacts => ({
  dns: [],
  gateway: '10.200.0.1',
  hasIpv6: false,
  internal: false,
  mayAskHost: true,
  ...facts,
})

/** A line of /proc/net/udp for a socket that waits at an address in the file's own writing. */
const waits = (address: string) =>
  `  7: ${address}:0035 ${'0'.repeat(address.length)}:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0\n`
const atAnyAddress = '00000000'

describe('given resolvers', () => {
  test('come first, and as they are', () => {
    const read = hostSays('nameserver 192.0.2.9\nsearch example.org\n')
    expect(chooseResolver(space({ dns: ['127.0.0.1', '2001:db8::1'] }), read)).toEqual({
      text: 'nameserver 127.0.0.1\nnameserver 2001:db8::1\n',
      hasServer: true,
    })
  })

  test('are all that an internal space asks: neither the host nor its gateway, and nobody is surprised', () => {
    const read = hostSays('nameserver 192.0.2.9\nsearch example.org\n', {
      [upstream]: 'nameserver 192.0.2.10\n',
      '/proc/net/udp': waits(atAnyAddress),
    })
    const without = chooseResolver(space({ internal: true }), read)
    expect(without).toEqual({ text: expect.stringMatching(/^# .*internal.*\n$/), hasServer: false })
    const given = space({ internal: true, dns: ['192.0.2.1'] })
    expect(chooseResolver(given, read).text).toBe('nameserver 192.0.2.1\n')
  })
})

describe('the file of the host', () => {
  test('stays as it is, with comments and all, where every server can be asked', () => {
    const text = '# by hand\nnameserver 192.0.2.1\nnameserver 169.254.169.253\n\noptions edns0 trust-ad\n'
    expect(chooseResolver(space(), hostSays(text))).toEqual({ text, hasServer: true })
  })

  test('loses what cannot be asked from inside, keeps its order and how to ask, and three servers at most', () => {
    const text = `# by hand
nameserver 127.0.0.53
nameserver 192.0.2.1
nameserver ::1
nameserver fe80::1%eth0
nameserver fe80::2
nameserver 2001:db8::1
nameserver 0.0.0.0
nameserver ::
nameserver 224.0.0.251
nameserver dns.example
nameserver 192.0.2.2
nameserver ::ffff:127.0.0.1
nameserver 192.0.2.3
nameserver 192.0.2.4
search example.org example.net
options edns0 trust-ad
sortlist 192.0.2.0/24
`
    const rest = 'search example.org example.net\noptions edns0 trust-ad\nsortlist 192.0.2.0/24\n'
    expect(chooseResolver(space(), hostSays(text)).text).toBe(
      `nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n${rest}`,
    )
    const two = 'nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2\n'
    expect(chooseResolver(space({ hasIpv6: true }), hostSays(text)).text).toBe(`${two}${rest}`)
    // Nothing is known of a namespace without a record: it may well have IPv6.
    expect(chooseResolver(undefined, hostSays(text)).text).toBe(`${two}${rest}`)
  })
})

test('the resolver of a cloud at a link-local address is asked', () => {
  expect(chooseResolver(space(), hostSays('nameserver 169.254.169.254\n')).text).toBe(
    'nameserver 169.254.169.254\n',
  )
})

describe('where the host has none that can be asked', () => {
  const stub = 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch stub.example\n'

  test('those that systemd-resolved asks are, filtered alike, as its file has them', () => {
    const read = hostSays(stub, { [upstream]: 'nameserver fe80::1%3\nnameserver 192.0.2.9\nsearch lan\n' })
    expect(chooseResolver(space(), read)).toEqual({
      text: 'nameserver 192.0.2.9\nsearch lan\n',
      hasServer: true,
    })
    expect(chooseResolver(space(), files({ [upstream]: 'nameserver 192.0.2.9\n' })).text).toBe(
      'nameserver 192.0.2.9\n',
    )
  })

  test('a resolver of the host is asked at the gateway, where one listens there or anywhere', () => {
    const heardAt = (udp: string, udp6 = '', facts: Partial<SpaceFacts> = {}) =>
      chooseResolver(space(facts), hostSays(stub, { '/proc/net/udp': udp, '/proc/net/udp6': udp6 }))
    const atGateway = 'nameserver 10.200.0.1\noptions edns0 trust-ad\nsearch stub.example\n'
    const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
    const gateway = little ? '0100C80A' : '0AC80001'
    for (const [udp, udp6] of [[waits(atAnyAddress)], [waits(gateway)], ['', waits('0'.repeat(32))]] as const)
      expect(heardAt(udp, udp6).text).toBe(atGateway)
    const six = { gateway6: 'fd00::1', hasIpv6: true }
    const gateway6 = little ? '000000FD000000000000000001000000' : 'FD000000000000000000000000000001'
    expect(heardAt('', waits(gateway6), six).text).toContain('nameserver fd00::1\n')
    for (const nobody of [
      heardAt(waits(little ? '3500007F' : '7F000035')),
      heardAt(waits(atAnyAddress), '', { mayAskHost: false }),
      heardAt(waits(atAnyAddress), '', { gateway: undefined }),
      heardAt('', waits(gateway6)),
    ])
      expect(nobody.hasServer).toBe(false)
  })

  test('nobody is asked, and it is said why', () => {
    const read = hostSays('nameserver 127.0.0.53\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\n', {
      [upstream]: 'nameserver 2001:db8::1\n',
    })
    const { text, hasServer, problem } = chooseResolver(space(), read)
    expect(text).toMatch(/^# .*--dns.*\n$/)
    expect(hasServer).toBe(false)
    expect(problem).toBe(
      '127.0.0.53 is the loopback of this host, 2001:db8::1 is IPv6, which the space lacks, fe80::1%eth0 is on a link of this host alone',
    )
    expect(chooseResolver(undefined, files({})).problem).toBe('/etc/resolv.conf names none')
    expect(chooseResolver(space(), hostSays('search example.org\n')).problem).toBe(
      '/etc/resolv.conf names none',
    )
  })
})

test('whatever the host has, no loopback and at most three servers are shown, unless the file stays', () => {
  const server = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('127.0.0.53', '::1', 'fe80::1%lo', '192.0.2.1', '0.0.0.0', '127.1', 'x'),
  )
  const text = fc
    .array(server, { maxLength: 6 })
    .map(servers => servers.map(address => `nameserver ${address}\n`).join(''))
  fc.assert(
    fc.property(text, text, fc.boolean(), (own, behind, hasIpv6) => {
      const chosen = chooseResolver(space({ hasIpv6 }), hostSays(own, { [upstream]: behind }))
      const shown = [...chosen.text.matchAll(/^nameserver (\S+)$/gm)].map(match => match[1] ?? '')
      expect(shown.some(isLoopback)).toBe(false)
      expect(shown.length > 0).toBe(chosen.hasServer)
      expect(chosen.problem === undefined).toBe(chosen.hasServer)
      if (chosen.text !== own) expect(shown.length).toBeLessThanOrEqual(3)
      const asked = [...`${own}${behind}`.matchAll(/^nameserver (\S+)$/gm)].map(match => match[1] ?? '')
      expect(asked).toEqual(expect.arrayContaining(shown))
    }),
  )
})
