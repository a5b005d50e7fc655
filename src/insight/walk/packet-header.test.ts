import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeHeader, isAbout } from './packet-header.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('the headers of a traced packet', () => {
  // What Linux 6.18 handed out for `ping -c 1 10.2.0.2` from 10.1.0.2.
  test('of IPv4 are read', () => {
    expect(
      decodeHeader({
        link: hex('46fdcd5ee89be6fda27ced4d0800'),
        network: hex('450000548a32400040019c700a0100020a020002'),
        transport: hex('0800cb532bfd0001fcaf036b0000000037c00a00'),
      }),
    ).toEqual({
      family: 4,
      source: '10.1.0.2',
      destination: '10.2.0.2',
      protocol: 1,
      icmpType: 8,
      icmpCode: 0,
      icmpId: 11261,
      icmpSequence: 1,
      ttl: 64,
      dscp: 0,
      ipId: 35378,
      length: 84,
      linkSource: 'e6:fd:a2:7c:ed:4d',
      linkDestination: '46:fd:cd:5e:e8:9b',
    })
  })

  test('are read as far as they are known', () => {
    const network = hex('450000548a32400040069c700a0100020a020002')
    expect(decodeHeader({ network })).toMatchObject({ protocol: 6, source: '10.1.0.2' })
    expect(decodeHeader({ network })).not.toHaveProperty('sourcePort')
    expect(decodeHeader({ network: network.subarray(0, 19) })).toBeUndefined()
    expect(decodeHeader({})).toBeUndefined()
  })

  test('with 20 bytes of options that were not handed out have the ports where they belong', () => {
    const network = new Uint8Array(40)
    network.set(hex('4f000060 00000000 40110000 0a000001 0a000002'))
    expect(decodeHeader({ network, transport: hex('1388 0035 0024 0000') })).toMatchObject({
      sourcePort: 5000,
      destinationPort: 53,
    })
  })

  test('of IPv6 leave the protocol open where extension headers hide it', () => {
    const header = (next: string) =>
      hex(`60000000 0020 ${next} 40 fd000000000000000000000000000001 fd000000000000000000000000000002`)
    expect(decodeHeader({ network: header('2c') })).toMatchObject({
      family: 6,
      source: 'fd00::1',
      length: 72,
    })
    expect(decodeHeader({ network: header('2c') })).not.toHaveProperty('protocol')
    expect(decodeHeader({ network: header('06') })?.protocol).toBe(6)
  })

  test('never throw, whatever the bytes are', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined })
    fc.assert(
      fc.property(bytes, bytes, bytes, (link, network, transport) => {
        decodeHeader({ link, network, transport })
        if (network !== undefined && network.length > 0)
          for (const version of [0x45, 0x4f, 0x60]) {
            network[0] = version
            decodeHeader({ link, network, transport })
          }
      }),
    )
  })
})

describe('an error of ICMP', () => {
  const error4 = (id: string, protocol: string) =>
    decodeHeader({
      network: hex('450000548a32400040019c700a0200020a010002'),
      transport: hex(`0303 cb53 00000000 4500 001e ${id} 4000 3f ${protocol} 0000`),
    }) ?? fail()
  const error6 = (label: string, next: string) =>
    decodeHeader({
      network: hex('60000000 0050 3a 40 fd000000000000000000000000000002 fd000000000000000000000000000001'),
      transport: hex(`0104 cb53 00000000 600${label} 0010 ${next} 3f fd000000`),
    }) ?? fail()
  const fail = () => {
    throw new Error('no header')
  }
  const udp4 = { ...error4('1234', '11'), protocol: 17, ipId: 0x1234 }
  const { ipId: _ipId, ...none } = udp4
  const udp6 = { ...none, family: 6 as const, flowLabel: 0xabcde }

  test('tells which packet it is about, as far as twelve bytes of that one do', () => {
    expect(error4('1234', '11')).toMatchObject({ quotedMark: 0x1234, quotedProtocol: 17 })
    expect(error6('abcde', '11')).toMatchObject({ quotedMark: 0xabcde, quotedProtocol: 17 })
    expect(isAbout(error4('1234', '11'), udp4)).toBe(true)
    expect(isAbout(error4('1235', '11'), udp4)).toBe(false)
    expect(isAbout(error4('1234', '06'), udp4)).toBe(false)
    expect(isAbout(error6('abcde', '11'), udp6)).toBe(true)
    expect(isAbout(error6('abcdf', '11'), udp6)).toBe(false)
  })

  test('about packets without a mark of their own tells nothing', () => {
    expect(isAbout(error4('0000', '11'), { ...udp4, ipId: 0 })).toBeUndefined()
    expect(isAbout(error4('1234', '11'), { ...udp4, ipId: 0 })).toBeUndefined()
  })

  test('of another kind quotes nothing', () => {
    const echo = decodeHeader({
      network: hex('450000548a32400040019c700a0200020a010002'),
      transport: hex('0800 cb53 00000000 4500 001e 1234 4000 3f11 0000'),
    })
    expect(echo).not.toHaveProperty('quotedMark')
  })
})
