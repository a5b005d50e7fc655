import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatPublish, parsePublish } from './publish.ts'
import { formatPublishedPort, matchPublished, parsePublishedPort } from './published-port.ts'
import { anyPublish, faultOf } from './test-support.ts'

const matches = (text: string, ...present: string[]): string[] =>
  matchPublished(
    parsePublishedPort(text),
    present.map(item => parsePublish(item)),
  ).map(formatPublish)

describe('a published port is named', () => {
  test('as it was published, in any spelling', () => {
    expect(matches('8080:80', '8080:80', '8081:80')).toEqual(['8080:80'])
    expect(matches('8080:80/tcp', '8080:80')).toEqual(['8080:80'])
    expect(matches('8080:8080', '8080')).toEqual(['8080'])
    expect(matches('0.0.0.0:8080', '0.0.0.0:8080', '[::]:8080')).toEqual(['0.0.0.0:8080'])
    expect(matches('9000-9010', '9000-9010/udp', '9000-9010')).toEqual(['9000-9010'])
    expect(matches('[0::1]:53/udp', '[::1]:53/udp')).toEqual(['[::1]:53/udp'])
  })

  test('by the side of the host alone', () => {
    expect(matches('8080', '8080:80', '8081:80')).toEqual(['8080:80'])
    expect(matches('127.0.0.1:8080', '127.0.0.1:8080:80')).toEqual(['127.0.0.1:8080:80'])
    expect(matches('[::1]:8080', '[::1]:8080:80', '127.0.0.1:8080:80')).toEqual(['[::1]:8080:80'])
    expect(matches('9000-9001', '9000-9001:80-81')).toEqual(['9000-9001:80-81'])
  })

  test('without its address, where there is one only', () => {
    expect(matches('8080', '127.0.0.1:8080:80')).toEqual(['127.0.0.1:8080:80'])
    expect(matches('8080', '127.0.0.1:8080:80', '192.168.1.32:8080:81')).toEqual([
      '127.0.0.1:8080:80',
      '192.168.1.32:8080:81',
    ])
    expect(matches('8080:81', '127.0.0.1:8080:80', '192.168.1.32:8080:81')).toEqual(['192.168.1.32:8080:81'])
  })
})

test('a port inside, a protocol, an address that is given must be right, and a range whole', () => {
  expect(matches('8080:8080', '8080:80')).toEqual([])
  expect(matches('8080/udp', '8080')).toEqual([])
  expect(matches('127.0.0.1:8080', '8080', '192.168.1.32:8081')).toEqual([])
  expect(matches('9005', '9000-9010')).toEqual([])
})

test('every published port is found by its own text among others', () => {
  fc.assert(
    fc.property(anyPublish, publish => {
      const text = formatPublish(publish)
      expect(matches(text, '65535:1/sctp', text)).toContain(text)
      expect(formatPublishedPort(parsePublishedPort(text))).toBe(text)
    }),
  )
})

test('what is no port is refused as by publish', () => {
  expect(faultOf(() => parsePublishedPort('80800')).code).toBe('BAD_PORT')
  expect(faultOf(() => parsePublishedPort('8080/icmp')).code).toBe('BAD_PUBLISH')
})
