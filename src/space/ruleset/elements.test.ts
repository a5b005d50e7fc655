import { expect, test } from 'bun:test'
import { parseEgress } from '../spec/egress.ts'
import { parsePublish } from '../spec/publish.ts'
import { plainSpace } from '../spec/test-support.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { keyText, membershipsOf, sharedGateways } from './elements.ts'
import { dataText } from './seen-table.ts'

const space = (rest: Partial<ResolvedSpace> = {}): ResolvedSpace => ({
  name: 'web',
  namespacePath: '/run/netns/web',
  hostInterface: 'veth-web',
  interface: 'eth0',
  gateway: '10.200.0.1',
  address: '10.200.0.2',
  prefixLength: 30,
  network: '10.200.0.0/30',
  ...plainSpace,
  ...rest,
})

const ipv6 = { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 126, network: 'fd00::/126' }
const published = (...texts: string[]) => ({ publish: texts.map(text => parsePublish(text)) })

const texts = (of: ResolvedSpace) =>
  membershipsOf(of).map(({ set, element: { key, data } }) =>
    [set, keyText(key), ...(data === undefined ? [] : [dataText(data)])].join(' | '),
  )

const plain = [
  'spaces | veth-web',
  'source4 | veth-web . 10.200.0.2',
  'inside4 | 10.200.0.2',
  'inside4 | 10.200.0.1',
  'free | veth-web',
  'outbound4 | 10.200.0.2',
]

test('a space without options', () => {
  expect(texts(space())).toEqual(plain)
})

test('both families', () => {
  expect(texts(space({ ipv6 })).filter(text => !plain.includes(text))).toEqual([
    'source6 | veth-web . fd00::2',
    'inside6 | fd00::2',
    'inside6 | fd00::1',
    'outbound6 | fd00::2',
  ])
})

test('an internal space is translated by nobody', () => {
  expect(texts(space({ internal: true, ipv6 })).filter(text => /internal|outbound/.test(text))).toEqual([
    'internal | veth-web',
  ])
})

test('a published port has an element for each family, and a claim to its number', () => {
  expect(texts(space({ ipv6, ...published('8080:80') })).slice(-4)).toEqual([
    'hairpin | veth-web . veth-web',
    'claimed | tcp . 8080',
    'publish4 | tcp . 8080 | 10.200.0.2 . 80',
    'publish6 | tcp . 8080 | fd00::2 . 80',
  ])
})

test('an address of the host decides the family', () => {
  const both = space({ ipv6, ...published('127.0.0.1:53/udp', '[::1]:9000-9001') })
  expect(texts(both).slice(-4)).toEqual([
    'claimed4 | 127.0.0.1 . udp . 53',
    'publish4_at | 127.0.0.1 . udp . 53 | 10.200.0.2 . 53',
    'claimed6 | ::1 . tcp . 9000-9001',
    'publish6_range_at | ::1 . tcp . 9000-9001 | fd00::2',
  ])
})

test('every address of one family is published, and claimed, in that family alone', () => {
  const both = space({ ipv6, ...published('0.0.0.0:8080:80', '[::]:9000-9001') })
  expect(texts(both).slice(-4)).toEqual([
    'claimed4 | 0.0.0.0/0 . tcp . 8080',
    'publish4 | tcp . 8080 | 10.200.0.2 . 80',
    'claimed6 | ::/0 . tcp . 9000-9001',
    'publish6_range | tcp . 9000-9001 | fd00::2',
  ])
})

test('a shifted range is one element a port', () => {
  expect(texts(space(published('70-71:80-81'))).slice(-3)).toEqual([
    'claimed | tcp . 70-71',
    'publish4 | tcp . 70 | 10.200.0.2 . 80',
    'publish4 | tcp . 71 | 10.200.0.2 . 81',
  ])
})

test('policies', () => {
  const limited = space({
    ipv6,
    uplink: 'eth1',
    source: { ipv4: '192.0.2.1', ipv6: '2001:db8::1' },
    connect: [{ name: 'db', hostInterface: 'veth-db', address: '10.200.0.6' }],
    egress: [parseEgress('10.0.0.0/8'), parseEgress('[2001:db8::2]:53/udp')],
    host: 'none',
    metadata: true,
  })
  expect(texts(limited).filter(text => !texts(space({ ipv6 })).includes(text))).toEqual([
    'pinned | veth-web',
    'via | veth-web . eth1',
    'connected | veth-web . veth-db',
    'limited | veth-web',
    'rejected | veth-web',
    'egress4 | veth-web . 10.0.0.0/8 . ip-255 . 0-65535',
    'egress6 | veth-web . 2001:db8::2 . udp . 53',
    'metadata | veth-web',
    'host_none | veth-web',
    'snat4 | 10.200.0.2 | 192.0.2.1',
    'snat6 | fd00::2 | 2001:db8::1',
  ])
})

test('a routed space of a network of containers, with further addresses and networks beside it', () => {
  const routed = space({
    ...{ prefixLength: 32, subnet: '10.200.0.0/16', group: 7 },
    ipv6: { ...ipv6, prefixLength: 128, subnet: 'fd00::/64' },
    further: [{ address: '10.201.0.2', gateway: '10.200.0.1', subnet: '10.201.0.0/16' }],
    // One of them lies in another, and the kernel takes no interval twice.
    untranslated: ['10.0.0.0/8', '10.1.0.0/16', 'fd20::/48', '10.0.0.0/8'],
    accept: ['192.168.1.15/32'],
  })
  expect(texts(routed).filter(text => !plain.includes(text))).toEqual([
    'source6 | veth-web . fd00::2',
    'source4 | veth-web . 10.201.0.2',
    'inside6 | fd00::2',
    'inside6 | fd00::1',
    'inside4 | 10.201.0.2',
    'accepted4 | 10.200.0.2 . 192.168.1.15',
    'accepted4 | 10.201.0.2 . 192.168.1.15',
    'siblings | veth-web . 7',
    'outbound6 | fd00::2',
    'outbound4 | 10.201.0.2',
    'untranslated4 | 10.200.0.2 . 10.0.0.0/8',
    'untranslated6 | fd00::2 . fd20::/48',
    'untranslated4 | 10.201.0.2 . 10.0.0.0/8',
  ])
  expect(sharedGateways(routed)).toEqual(['inside4 10.200.0.1', 'inside6 fd00::1', 'inside4 10.200.0.1'])
  expect(sharedGateways(space({ ipv6 }))).toEqual([])
})

test('of IPv6 alone, nothing of IPv4', () => {
  const alone = space({ address: '', gateway: '', network: '', ipv6, ...published('8080:80') })
  expect(texts(alone).filter(text => /4 \|/.test(text))).toEqual([])
  expect(texts(alone)).toContain('publish6 | tcp . 8080 | fd00::2 . 80')
})
