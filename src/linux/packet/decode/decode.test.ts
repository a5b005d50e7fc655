import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  address,
  anyDamagedFrame,
  anyFrame,
  arp,
  bytes,
  ethernet,
  icmp,
  ipv4,
  ipv6,
  long,
  summed,
  tcp,
  udp,
  word,
} from '../frames.test-support.ts'
import { crc32c } from './crc32c.ts'
import type { Layer } from './layer.ts'
import { decodePacket, layerOf } from './packet.ts'
import { summaryText } from './summary.ts'
import { quotedTupleOf, tupleOf } from './tuple.ts'

const ip = { source: '192.168.45.3', destination: '192.168.1.15' }
const ip6 = { source: 'fd00::3', destination: 'fd00::15' }
const overIpv4 = (protocol: number, payload: Uint8Array, fields = {}): Uint8Array =>
  ethernet(0x0800, ipv4(protocol, { ...ip, ...fields }, payload))
const overIpv6 = (next: number, payload: Uint8Array): Uint8Array => ethernet(0x86dd, ipv6(next, ip6, payload))
const typesOf = (frame: Uint8Array, length = frame.length): string[] =>
  decodePacket(frame, { length }).layers.map(({ type }) => type)

describe('each protocol', () => {
  test('ARP (RFC 826)', () => {
    const packet = decodePacket(ethernet(0x0806, arp(1, '192.168.45.3', '192.168.45.2')))
    expect(layerOf(packet, 'arp')).toMatchObject({
      operation: 1,
      sender: '192.168.45.3',
      senderMac: '02:00:00:00:00:01',
      target: '192.168.45.2',
    })
    expect(tupleOf(packet)).toBeUndefined()
  })

  test('802.1Q tags, one in another', () => {
    const frame = ethernet(0x0800, ipv4(17, ip, udp(ip, { from: 9, to: 10 })), [0x6005, 0x1007])
    const packet = decodePacket(frame)
    expect(packet.layers.slice(1, 3)).toMatchObject([
      { type: 'vlan', id: 5, priority: 3, dropEligible: false, etherType: 0x8100 },
      { type: 'vlan', id: 7, priority: 0, dropEligible: true, etherType: 0x0800 },
    ])
    expect(summaryText(packet)).toBe('vlan 5, vlan 7, IP 192.168.45.3.9 > 192.168.1.15.10: UDP, length 0')
  })

  test('a frame of nothing but tags ends', () => {
    const frame = ethernet(0x0800, new Uint8Array(0), new Array(16_000).fill(5))
    expect(typesOf(frame)).toHaveLength(10)
    expect(typesOf(frame).at(-1)).toBe('malformed')
  })

  test('IPv4 (RFC 791) with options', () => {
    const packet = decodePacket(overIpv4(17, udp(ip, { from: 9, to: 10 }), { options: [148, 4, 0, 0] }))
    expect(layerOf(packet, 'ipv4')).toMatchObject({
      headerLength: 24,
      ttl: 64,
      checksum: 'right',
      options: [{ type: 148, name: 'router alert', data: new Uint8Array(2) }],
    })
    expect(layerOf(packet, 'udp')?.checksum).toBe('right')
  })

  test('fragments of IPv4: the first has ports, the others are data', () => {
    const first = decodePacket(
      overIpv4(17, udp(ip, { from: 9, to: 10, data: [1, 2, 3, 4, 5, 6, 7, 8] }), { fragment: 0x2000 }),
    )
    expect(layerOf(first, 'udp')).toMatchObject({ sourcePort: 9, checksum: 'unchecked' })
    const later = decodePacket(overIpv4(17, new Uint8Array(8), { fragment: 2 }))
    expect(later.layers.at(-1)).toMatchObject({ type: 'data', fragment: true, size: 8 })
    expect(layerOf(later, 'ipv4')).toMatchObject({ fragmentOffset: 16, moreFragments: false })
    expect(tupleOf(later)).toEqual({ ...ip, protocol: 17 })
    expect(summaryText(later)).toBe('IP (frag id 1 at 16) 192.168.45.3 > 192.168.1.15: ip-proto-17, length 8')
  })

  test('IPv6 (RFC 8200) with extension headers, behind which a checksum is right', () => {
    const segment = tcp(ip6, { from: 40_000, to: 443 })
    const packet = decodePacket(
      overIpv6(0, bytes([60, 0, 1, 4, 0, 0, 0, 0], [6, 0, 1, 4, 0, 0, 0, 0], segment)),
    )
    expect(layerOf(packet, 'ipv6')).toMatchObject({
      protocol: 6,
      extensions: [
        { number: 0, size: 8 },
        { number: 60, size: 8 },
      ],
    })
    expect(layerOf(packet, 'tcp')).toMatchObject({ destinationPort: 443, checksum: 'right' })
    expect(tupleOf(packet)).toEqual({ ...ip6, protocol: 6, sourcePort: 40_000, destinationPort: 443 })
  })

  test('fragments of IPv6', () => {
    const later = decodePacket(overIpv6(44, bytes([17, 0], word(0x10), long(7), new Uint8Array(8))))
    expect(layerOf(later, 'ipv6')?.fragment).toEqual({ id: 7, offset: 16, more: false })
    expect(later.layers.at(-1)).toMatchObject({ type: 'data', fragment: true })
  })

  test('TCP (RFC 9293) with options', () => {
    const options = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7]
    const packet = decodePacket(overIpv4(6, tcp(ip, { from: 40_000, to: 80, options })))
    expect(layerOf(packet, 'tcp')?.options).toEqual([
      { kind: 'mss', value: 1460 },
      { kind: 'sack-permitted' },
      { kind: 'timestamps', value: 9, echo: 0 },
      { kind: 'no-operation' },
      { kind: 'window-scale', value: 7 },
    ])
    expect(summaryText(packet)).toBe(
      'IP 192.168.45.3.40000 > 192.168.1.15.80: Flags [S], seq 1000, win 64240, ' +
        'options [mss 1460,sackOK,TS val 9 ecr 0,nop,wscale 7], length 0',
    )
  })

  test('SCTP (RFC 9260): kinds of its chunks', () => {
    const packet = decodePacket(
      overIpv4(132, bytes(word(5), word(6), long(77), long(0), [1, 0, 0, 4], [0, 3, 0, 5, 9, 0, 0, 0])),
    )
    expect(layerOf(packet, 'sctp')).toMatchObject({
      verificationTag: 77,
      chunks: [{ name: 'INIT' }, { name: 'DATA', length: 5 }],
    })
    expect(summaryText(packet)).toBe('IP 192.168.45.3.5 > 192.168.1.15.6: sctp [INIT] [DATA]')
  })

  test('ICMP (RFC 792): a query has an id, an error quotes a packet of which 8 bytes are enough', () => {
    const echo = decodePacket(overIpv4(1, icmp(8, 0, [...word(29_610), ...word(1), 1, 2, 3])))
    expect(tupleOf(echo)).toEqual({ ...ip, protocol: 1, icmp: { type: 8, code: 0, id: 29_610 } })
    expect(summaryText(echo)).toBe(
      'IP 192.168.45.3 > 192.168.1.15: ICMP echo request, id 29610, seq 1, length 11',
    )
    const back = { source: ip.destination, destination: ip.source }
    const quoted = ipv4(6, ip, tcp(ip, { from: 40_000, to: 80 })).subarray(0, 28)
    const error = decodePacket(ethernet(0x0800, ipv4(1, back, icmp(3, 4, [0, 0, ...word(1400), ...quoted]))))
    expect(layerOf(error, 'icmp')).toMatchObject({ mtu: 1400, checksum: 'right' })
    expect(quotedTupleOf(error)).toEqual({ ...ip, protocol: 6, sourcePort: 40_000, destinationPort: 80 })
    expect(tupleOf(error)).toEqual({ ...back, protocol: 1 })
    // What the quotation lacks is nobody's fault.
    expect(summaryText(error)).toBe(
      'IP 192.168.1.15 > 192.168.45.3: ICMP 192.168.1.15 unreachable - need to frag (mtu 1400), length 36',
    )
  })

  test('ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861)', () => {
    const solicitation = bytes([135, 0, 0, 0], long(0), address('fd00::15'), [1, 1, 2, 0, 0, 0, 0, 9])
    const packet = decodePacket(overIpv6(58, summed(58, ip6, 2, solicitation)))
    expect(layerOf(packet, 'icmpv6')).toMatchObject({
      checksum: 'right',
      target: 'fd00::15',
      linkAddress: '02:00:00:00:00:09',
    })
    const prefix = bytes([3, 4, 64, 0xc0], long(1), long(1), long(0), address('2001:db8::'))
    const advertisement = bytes([134, 0, 0, 0, 64, 0], word(1800), long(0), long(0), prefix)
    const router = decodePacket(overIpv6(58, summed(58, ip6, 2, advertisement)))
    expect(layerOf(router, 'icmpv6')?.router).toEqual({ lifetime: 1800, prefixes: ['2001:db8::/64'] })
    const big = bytes([2, 0, 0, 0], long(1280), ipv6(17, ip6, udp(ip6, { from: 5, to: 6 })))
    const tooBig = decodePacket(overIpv6(58, summed(58, ip6, 2, big)))
    expect(layerOf(tooBig, 'icmpv6')?.mtu).toBe(1280)
    expect(quotedTupleOf(tooBig)).toMatchObject({ protocol: 17, destinationPort: 6 })
  })

  test('protocols that are only named', () => {
    expect(summaryText(decodePacket(overIpv4(47, new Uint8Array(4))))).toBe(
      'IP 192.168.45.3 > 192.168.1.15: GRE, length 4',
    )
    expect(layerOf(decodePacket(overIpv4(50, new Uint8Array(4))), 'other')?.name).toBe('ESP')
  })

  test('padding of short frames belongs to no packet', () => {
    const frame = bytes(overIpv4(17, udp(ip, { from: 9, to: 10 })), new Uint8Array(18))
    expect(summaryText(decodePacket(frame))).toBe('IP 192.168.45.3.9 > 192.168.1.15.10: UDP, length 0')
  })

  test('lengths that promise more than there is', () => {
    const frame = overIpv4(6, tcp(ip, { from: 9, to: 10, data: [1, 2, 3] }))
    const short = decodePacket(frame.subarray(0, frame.length - 2))
    expect(layerOf(short, 'tcp')).toMatchObject({ dataLength: 1, checksum: 'unchecked' })
    expect(summaryText(short)).toEndWith('length 1 [bad ipv4: 2 bytes fewer than its length says]')
    const datagram = udp(ip, { from: 9, to: 10, data: [1] })
    datagram.set([0, 200], 4)
    expect(summaryText(decodePacket(overIpv4(17, datagram)))).toContain(
      '[bad udp: a length of 200 in 9 bytes]',
    )
    const frame6 = overIpv6(17, udp(ip6, { from: 9, to: 10, data: [1, 2] }))
    expect(summaryText(decodePacket(frame6.subarray(0, frame6.length - 1)))).toEndWith(
      '[bad ipv6: 1 bytes fewer than its length says]',
    )
  })

  test('packets without Ethernet', () => {
    expect(decodePacket(ipv4(17, ip, udp(ip, { from: 9, to: 10 })), { link: 'ip' }).layers[0]?.type).toBe(
      'ipv4',
    )
    expect(decodePacket(ipv6(17, ip6, udp(ip6, { from: 9, to: 10 })), { link: 'ip' }).layers[0]?.type).toBe(
      'ipv6',
    )
  })
})

describe('checksums', () => {
  const segment = tcp(ip, { from: 1, to: 2, data: [1, 2, 3] })
  const stateOf = (changed: Uint8Array) => layerOf(decodePacket(overIpv4(6, changed)), 'tcp')?.checksum

  test('right, wrong, and left to the network card', () => {
    expect(stateOf(segment)).toBe('right')
    const wrong = segment.slice()
    wrong[22] = 99
    expect(stateOf(wrong)).toBe('wrong')
    expect(summaryText(decodePacket(overIpv4(6, wrong)))).toEndWith('[bad tcp checksum]')
    // What Linux leaves in the field: the sum of the pseudo-header alone.
    const pseudo = bytes(address(ip.source), address(ip.destination), [0, 6], word(segment.length))
    let sum = 0
    for (let i = 0; i < pseudo.length; i += 2) sum += ((pseudo[i] ?? 0) << 8) | (pseudo[i + 1] ?? 0)
    const offloaded = segment.slice()
    offloaded.set(word((sum & 0xffff) + (sum >> 16)), 16)
    expect(stateOf(offloaded)).toBe('offloaded')
    expect(summaryText(decodePacket(overIpv4(6, offloaded)))).not.toContain('bad')
  })

  test('CRC32c of SCTP', () => {
    // The check value that is published for this polynomial.
    expect(crc32c(new DataView(new TextEncoder().encode('123456789').buffer), 0, 9)).toBe(0xe306_9283)
    const chunk = [1, 0, 0, 4]
    const stateOf = (checksum: readonly number[], body: readonly number[] = chunk) =>
      layerOf(decodePacket(overIpv4(132, bytes(word(5), word(6), long(77), checksum, body))), 'sctp')
        ?.checksum
    const zero = bytes(word(5), word(6), long(77), long(0), chunk)
    const right = crc32c(new DataView(zero.buffer), 0, zero.length)
    const field = [right & 255, (right >> 8) & 255, (right >> 16) & 255, right >>> 24]
    expect(stateOf(field)).toBe('right')
    expect(stateOf(field, [2, 0, 0, 4])).toBe('wrong')
    expect(stateOf([0, 0, 0, 0])).toBe('offloaded')
  })

  test('a datagram without one, and one that is cut', () => {
    const datagram = udp(ip, { from: 1, to: 2, data: [5] })
    expect(
      layerOf(decodePacket(overIpv4(17, datagram).subarray(0, 42), { length: 43 }), 'udp')?.checksum,
    ).toBe('unchecked')
    datagram.set([0, 0], 6)
    expect(layerOf(decodePacket(overIpv4(17, datagram)), 'udp')?.checksum).toBe('absent')
  })
})

const question = (name: readonly number[]): Uint8Array => {
  const message = bytes(word(4711), [1, 0], word(1), word(0), word(0), word(0), name, word(1), word(1))
  return overIpv4(17, udp(ip, { from: 40_000, to: 53, data: message }))
}

describe('DNS (RFC 1035)', () => {
  const label = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)]

  test('a question, and its answer with compressed names', () => {
    const name = [...label('www'), ...label('example'), ...label('com'), 0]
    expect(summaryText(decodePacket(question(name)))).toBe(
      'IP 192.168.45.3.40000 > 192.168.1.15.53: 4711+ A? www.example.com. (33)',
    )
    const answers = bytes(
      [0xc0, 12],
      word(5),
      word(1),
      long(60),
      word(6),
      label('cdn'),
      [0xc0, 16],
      [0xc0, 45],
      word(28),
      word(1),
      long(60),
      word(16),
      address('2001:db8::7'),
    )
    const message = bytes(
      word(4711),
      [0x81, 0x80],
      word(1),
      word(2),
      word(0),
      word(0),
      name,
      word(1),
      word(1),
      answers,
    )
    const packet = decodePacket(overIpv4(17, udp(ip, { from: 53, to: 40_000, data: message })))
    expect(layerOf(packet, 'dns')).toMatchObject({
      response: true,
      incomplete: false,
      answers: [
        { name: 'www.example.com.', type: 5, ttl: 60, data: 'cdn.example.com.' },
        { name: 'cdn.example.com.', type: 28, data: '2001:db8::7' },
      ],
    })
    expect(summaryText(packet)).toBe(
      `IP 192.168.45.3.53 > 192.168.1.15.40000: 4711 2/0/0 CNAME cdn.example.com., AAAA 2001:db8::7 (${message.length})`,
    )
  })

  test('a name that points at itself is not read', () => {
    const packet = decodePacket(question([0xc0, 12]))
    expect(layerOf(packet, 'dns')).toMatchObject({ questions: [], incomplete: true })
  })

  test('what a name holds never reaches the terminal', () => {
    const harmful = [
      '\u001b[31m',
      '\r',
      '\n',
      '\u009b2J',
      '\u202e',
      '\u2066',
      '\u200b',
      '\0',
      '"',
      '.',
      '\\',
      'ü',
      '\u007f',
    ]
    const words = fc.array(
      fc.oneof(fc.constantFrom(...harmful), fc.string({ unit: 'binary', maxLength: 4 })),
      { minLength: 1, maxLength: 5 },
    )
    const raw = fc.uint8Array({ minLength: 1, maxLength: 63 })
    const content = fc.oneof(
      raw,
      words.map(parts => new TextEncoder().encode(parts.join('')).slice(0, 63)),
    )
    fc.assert(
      fc.property(
        content.filter(({ length }) => length > 0),
        content => {
          const packet = decodePacket(question([content.length, ...content, 0]))
          expect(summaryText(packet)).toMatch(/^[\x20-\x7e]+$/)
          expect(layerOf(packet, 'dns')?.questions[0]?.name).toMatch(/^[\x21-\x7e]+$/)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('different names stay different', () => {
    const names = fc.uint8Array({ minLength: 1, maxLength: 6 })
    const textOf = (content: Uint8Array) =>
      layerOf(decodePacket(question([content.length, ...content, 0])), 'dns')?.questions[0]?.name
    fc.assert(
      fc.property(names, names, (one, other) => {
        expect(textOf(one) === textOf(other)).toBe(Buffer.compare(one, other) === 0)
      }),
    )
  })
})

test('no bytes make the reader throw; its line is printable and its layers lie within the packet', () => {
  const anything = fc.oneof(anyDamagedFrame, anyFrame, fc.uint8Array({ maxLength: 200 }))
  fc.assert(
    fc.property(
      anything,
      fc.nat(2000),
      fc.constantFrom('ethernet' as const, 'ip' as const),
      (frame, more, link) => {
        const packet = decodePacket(frame, { length: frame.length + more, link })
        expect(summaryText(packet)).toMatch(/^[\x20-\x7e]+$/)
        tupleOf(packet)
        quotedTupleOf(packet)
        const within = (layers: readonly Layer[]): void => {
          for (const layer of layers) {
            expect(layer.size).toBeGreaterThanOrEqual(0)
            if (layer.size > 0) expect(layer.offset + layer.size).toBeLessThanOrEqual(frame.length)
            if ('quoted' in layer && layer.quoted !== undefined) within(layer.quoted)
          }
        }
        within(packet.layers)
      },
    ),
    { numRuns: 3000 },
  )
})

test('a frame that is cut says what it said before as far as it goes, and that it was cut', () => {
  fc.assert(
    fc.property(anyFrame, fc.nat(), (frame, place) => {
      const cut = frame.subarray(0, place % frame.length)
      const [whole, part] = [decodePacket(frame), decodePacket(cut, { length: frame.length })]
      expect(summaryText(part)).toContain(`[${frame.length - cut.length} bytes not captured]`)
      for (const [index, layer] of part.layers.entries()) {
        if (layer.type === 'cut') break
        expect<string | undefined>(layer.type).toBe(whole.layers[index]?.type)
      }
      const [tuple, all] = [tupleOf(part), tupleOf(whole)]
      for (const key of Object.keys(tuple ?? {}) as (keyof NonNullable<typeof tuple>)[])
        expect(tuple?.[key]).toEqual(all?.[key])
    }),
    { numRuns: 1000 },
  )
})
