import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NatspaceError } from '../errors.ts'
import { boundAddress, formatPublish, isPublishedIn, PUBLISH_PATTERN, parsePublish } from './publish.ts'
import { anyPublish, faultOf, hostileText } from './test-support.ts'

const one = (port: number) => ({ first: port, last: port })

describe('parsePublish', () => {
  test('the forms', () => {
    expect(parsePublish('8080:80')).toEqual({ protocol: 'tcp', hostPort: one(8080), port: one(80) })
    expect(parsePublish('8080')).toEqual({ protocol: 'tcp', hostPort: one(8080), port: one(8080) })
    expect(parsePublish('127.0.0.1:5353:53/udp')).toEqual({
      protocol: 'udp',
      hostAddress: '127.0.0.1',
      hostPort: one(5353),
      port: one(53),
    })
    const range = { first: 9000, last: 9010 }
    expect(parsePublish('9000-9010')).toEqual({ protocol: 'tcp', hostPort: range, port: range })
    expect(parsePublish('9000-9010:100-110/sctp').port).toEqual({ first: 100, last: 110 })
    expect(parsePublish('192.168.1.32:80')).toEqual({
      protocol: 'tcp',
      hostAddress: '192.168.1.32',
      hostPort: one(80),
      port: one(80),
    })
    expect(parsePublish('[FD00::1]:80:8080').hostAddress).toBe('fd00::1')
  })

  test('0.0.0.0 and :: are every address of one family; left out it is every address', () => {
    const families = (text: string) =>
      ([4, 6] as const).filter(item => isPublishedIn(item, parsePublish(text)))
    expect(['0.0.0.0:80', '[::]:80', '80', '192.0.2.1:80', '[::1]:80'].map(families)).toEqual([
      [4],
      [6],
      [4, 6],
      [4],
      [6],
    ])
    expect(['0.0.0.0:80', '[::]:80', '80'].map(text => boundAddress(parsePublish(text)))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(boundAddress(parsePublish('192.0.2.1:80'))).toBe('192.0.2.1')
  })

  test('an IPv4 address that is written as one of IPv6 is that of IPv4', () => {
    expect(parsePublish('[::ffff:192.0.2.1]:80')).toEqual(parsePublish('192.0.2.1:80'))
    expect(parsePublish('[::ffff:0:0]:80')).toEqual(parsePublish('0.0.0.0:80'))
  })

  test.each([
    ['0', 'BAD_PORT'],
    ['65536', 'BAD_PORT'],
    ['80:0', 'BAD_PORT'],
    ['', 'BAD_PORT'],
    ['http', 'BAD_PORT'],
    ['080', 'BAD_PORT'],
    ['80:', 'BAD_PORT'],
    [':80', 'BAD_PORT'],
    ['9010-9000', 'BAD_PORT'],
    ['1-2-3', 'BAD_PORT'],
    ['80/', 'BAD_PUBLISH'],
    ['80/TCP', 'BAD_PUBLISH'],
    ['80/icmp', 'BAD_PUBLISH'],
    ['80/tcp/udp', 'BAD_PUBLISH'],
    ['9000-9010:80', 'BAD_PUBLISH'],
    ['80:9000-9010', 'BAD_PUBLISH'],
    ['1.2.3:80', 'BAD_PUBLISH'],
    ['localhost:80:80', 'BAD_PUBLISH'],
    ['1:2:3:4', 'BAD_PUBLISH'],
    ['[::1]', 'BAD_PUBLISH'],
    ['[::1]80', 'BAD_PUBLISH'],
    ['[eth0]:80', 'BAD_PUBLISH'],
    ['[fe80::1%eth0]:80', 'BAD_PUBLISH'],
    ['fd00::1:80:80', 'BAD_PUBLISH'],
    ['224.0.0.1:80', 'BAD_PUBLISH'],
    ['255.255.255.255:80', 'BAD_PUBLISH'],
  ])('%j is %s', (text, code) => {
    const fault = faultOf(() => parsePublish(text, { field: '--publish' }))
    expect(fault.code).toBe(code)
    expect(fault.exit).toBe(2)
    expect(fault.what).toStartWith('Cannot use --publish ')
    expect(fault.fix).not.toBeEmpty()
  })

  test('says what is wrong', () => {
    expect(faultOf(() => parsePublish('9010-9000')).why).toBe("the range '9010-9000' runs backwards")
    expect(faultOf(() => parsePublish('1-5:80')).why).toBe('the ranges differ in length: 5 and 1 ports')
  })
})

test('parsing and formatting are inverse, and the schema has a pattern for every canonical text', () => {
  fc.assert(
    fc.property(anyPublish, publish => {
      const text = formatPublish(publish)
      expect(parsePublish(text)).toEqual(publish)
      expect(text).toMatch(PUBLISH_PATTERN)
    }),
    { numRuns: 500 },
  )
})

test('hostile text is refused with a NatspaceError or is right', () => {
  fc.assert(
    fc.property(hostileText, text => {
      try {
        const publish = parsePublish(text)
        expect(parsePublish(formatPublish(publish))).toEqual(publish)
        expect(text).toMatch(PUBLISH_PATTERN)
      } catch (error) {
        if (!(error instanceof NatspaceError)) throw error
        expect(error.message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      }
    }),
    { numRuns: 2000 },
  )
})
