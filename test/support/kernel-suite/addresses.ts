import { expect, test } from 'bun:test'
import type { Address } from '../../../src/linux/rtnetlink/address.ts'
import { type End, type NewStage, routeText, type Stage, until } from './stage.ts'

const add = (end: End, text: string) => {
  const [address = '', length] = text.split('/')
  return { type: 'address.add', ...end, address, prefixLength: Number(length) } as const
}
const remove = (end: End, text: string) => ({ ...add(end, text), type: 'address.delete' }) as const

const addressText = ({ index, address, prefixLength, flags, scope }: Address): string =>
  `${index} ${address}/${prefixLength}${flags & 1 ? ' secondary' : ''}${scope === 0 ? '' : ` scope ${scope}`}`

const addressesOf = (stage: Stage, end: End) => stage.kernel.addresses(end.where).map(addressText)
const routesOf = (stage: Stage, end: End) => stage.kernel.routes(end.where).map(routeText)

const local = (address: string, source = address) =>
  `local ${address}/32 dev 10 table 255 proto 2 scope 254 src ${source}`
const subnet = (network: string, source: string) =>
  `unicast ${network} dev 10 table 254 proto 2 scope 253 src ${source}`
const broadcast = (address: string, source: string) =>
  `broadcast ${address}/32 dev 10 table 255 proto 2 scope 253 src ${source}`

export function addressTests(newStage: NewStage): void {
  test('those of one link are as they are in the list', () => {
    const stage = newStage()
    const { left } = stage.cable()
    stage.must(add(left, '10.1.1.2/24'), add(left, '10.1.2.2/24'))
    const ofLink = (addresses: readonly Address[]) => addresses.filter(({ index }) => index === left.index)
    const all = ofLink(stage.kernel.addresses(left.where))
    expect(all).toHaveLength(2)
    expect(ofLink(stage.kernel.addresses(left.where, left.index))).toEqual(all)
  })

  test('the routes of an address follow the state of its link', () => {
    const stage = newStage()
    const { left } = stage.cable()
    stage.must(add(left, '10.1.1.2/24'))
    expect(stage.kernel.addresses(left.where)).toEqual([
      { index: 10, family: 4, address: '10.1.1.2', prefixLength: 24, scope: 0, flags: 0x80 },
    ])
    expect(routesOf(stage, left)).toEqual([local('10.1.1.2')])
    const whenUp = [subnet('10.1.1.0/24', '10.1.1.2'), local('10.1.1.2'), broadcast('10.1.1.255', '10.1.1.2')]
    stage.must({ type: 'link.set', ...left, up: true })
    expect(routesOf(stage, left)).toEqual(whenUp)
    stage.must({ type: 'link.set', ...left, up: false })
    expect(routesOf(stage, left)).toEqual([local('10.1.1.2')])
    stage.must({ type: 'link.set', ...left, up: true })
    expect(routesOf(stage, left)).toEqual(whenUp)
    stage.must(remove(left, '10.1.1.2/24'))
    expect(routesOf(stage, left)).toEqual([])
    expect(stage.kernel.addresses(left.where)).toEqual([])
  })

  test('without the route to its subnet', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must({ ...add(left, '10.1.1.2/24'), noPrefixRoute: true })
    expect(stage.kernel.addresses(left.where).map(({ flags }) => flags)).toEqual([0x280])
    expect(routesOf(stage, left)).toEqual([local('10.1.1.2'), broadcast('10.1.1.255', '10.1.1.2')])
    stage.must({ ...remove(left, '10.1.1.2/24'), noPrefixRoute: true })
    expect(stage.kernel.addresses(left.where)).toEqual([])
  })

  test('subnets of two addresses and of one', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must(add(left, '10.1.1.5/31'), add(left, '10.2.2.2/32'))
    expect(routesOf(stage, left)).toEqual([
      subnet('10.1.1.4/31', '10.1.1.5'),
      local('10.1.1.5'),
      local('10.2.2.2'),
    ])
  })

  test('a second address of a subnet is secondary, and goes with the first', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must(add(left, '10.1.1.2/24'), add(left, '10.1.1.3/24'), add(left, '10.9.9.1/30'))
    expect(addressesOf(stage, left)).toEqual(['10 10.1.1.2/24', '10 10.9.9.1/30', '10 10.1.1.3/24 secondary'])
    expect(routesOf(stage, left)).toEqual([
      subnet('10.1.1.0/24', '10.1.1.2'),
      subnet('10.9.9.0/30', '10.9.9.1'),
      local('10.1.1.2'),
      local('10.1.1.3', '10.1.1.2'),
      broadcast('10.1.1.255', '10.1.1.2'),
      local('10.9.9.1'),
      broadcast('10.9.9.3', '10.9.9.1'),
    ])
    stage.must(remove(left, '10.1.1.2/24'))
    expect(addressesOf(stage, left)).toEqual(['10 10.9.9.1/30'])
  })

  test('the same address with two lengths is two addresses', () => {
    const stage = newStage()
    const { left } = stage.cable({ up: true })
    stage.must(add(left, '10.1.1.2/24'), add(left, '10.1.1.2/25'))
    stage.must(remove(left, '10.1.1.2/24'))
    expect(addressesOf(stage, left)).toEqual(['10 10.1.1.2/25'])
    expect(routesOf(stage, left)).toEqual([
      subnet('10.1.1.0/25', '10.1.1.2'),
      local('10.1.1.2'),
      broadcast('10.1.1.127', '10.1.1.2'),
    ])
  })

  test('refusals', () => {
    const stage = newStage()
    const { left } = stage.cable()
    stage.must(add(left, '10.1.1.2/24'))
    expect(stage.change(add(left, '10.1.1.2/24'))).toEqual(['EEXIST'])
    expect(stage.change(add({ ...left, index: 99 }, '10.1.1.3/24'))).toEqual(['ENODEV'])
    expect(stage.change(add(left, '10.1.1.3/33'))).toEqual(['EINVAL'])
    expect(stage.change(remove({ ...left, index: 99 }, '10.1.1.2/24'))).toEqual(['ENODEV'])
    expect(stage.change(remove(left, '10.1.1.9/24'))).toEqual(['EADDRNOTAVAIL'])
    expect(stage.change(remove(left, '10.1.1.2/25'))).toEqual(['EADDRNOTAVAIL'])
    expect(addressesOf(stage, left)).toEqual(['10 10.1.1.2/24'])
  })

  test('the loopback that comes up has its addresses', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    stage.must({ type: 'link.set', where, name: 'lo', index: 1, up: true })
    expect(stage.kernel.addresses(where).map(addressText)).toEqual([
      '1 127.0.0.1/8 scope 254',
      '1 ::1/128 scope 254',
    ])
    expect(stage.kernel.routes(where).map(routeText)).toEqual([
      'local 127.0.0.0/8 dev 1 table 255 proto 2 scope 254 src 127.0.0.1',
      'local 127.0.0.1/32 dev 1 table 255 proto 2 scope 254 src 127.0.0.1',
      'broadcast 127.255.255.255/32 dev 1 table 255 proto 2 scope 253 src 127.0.0.1',
      'local ::1/128 dev 1 table 255 proto 2 scope 0 metric 0',
    ])
  })

  test('an IPv6 address has its routes, and is forgotten when the link goes down', async () => {
    const stage = newStage()
    const { left, right } = stage.cable({ ipv6: true })
    for (const { where, name } of [left, right])
      stage.must({ type: 'sysctl.set', where, key: `net.ipv6.conf.${name}.addr_gen_mode`, value: '1' })
    for (const end of [left, right]) stage.must({ type: 'link.set', ...end, up: true })
    stage.must(add(left, 'fd00::1/64'))
    expect(addressesOf(stage, left)).toEqual(['10 fd00::1/64'])
    // The kernel adds the local route a little later.
    await until(() => routesOf(stage, left).length === 3)
    expect(routesOf(stage, left)).toEqual([
      'unicast fd00::/64 dev 10 table 254 proto 2 scope 0 metric 256',
      'local fd00::1/128 dev 10 table 255 proto 2 scope 0 metric 0',
      'multicast ff00::/8 dev 10 table 255 proto 2 scope 0 metric 256',
    ])
    stage.must({ ...add(left, 'fd01::1/64'), noPrefixRoute: true })
    await until(() => routesOf(stage, left).some(text => text.startsWith('local fd01::1/128 ')))
    expect(routesOf(stage, left).filter(text => text.startsWith('unicast fd01'))).toEqual([])
    stage.must(remove(left, 'fd01::1/64'))
    expect(stage.change(add(left, 'fd00::1/64'))).toEqual(['EEXIST'])
    expect(stage.change(add(left, 'fd00::3/129'))).toEqual(['EINVAL'])
    expect(stage.change(remove(left, 'fd00::2/64'))).toEqual(['EADDRNOTAVAIL'])
    stage.must({ type: 'link.set', ...left, up: false })
    expect(addressesOf(stage, left)).toEqual([])
    expect(routesOf(stage, left)).toEqual([])
  })

  test('a link with a carrier has a link-local address, unless IPv6 is off', async () => {
    const stage = newStage()
    const { left, right } = stage.cable({ ipv6: true })
    stage.must({
      type: 'sysctl.set',
      where: right.where,
      key: 'net.ipv6.conf.right.disable_ipv6',
      value: '1',
    })
    for (const end of [left, right]) stage.must({ type: 'link.set', ...end, up: true })
    // The kernel notices a carrier a little later.
    await until(() => addressesOf(stage, left).length > 0)
    expect(addressesOf(stage, left)).toEqual(['10 fe80::ff:fe00:10a/64 scope 253'])
    expect(addressesOf(stage, right)).toEqual([])
    stage.must({ type: 'sysctl.set', where: left.where, key: 'net.ipv6.conf.left.disable_ipv6', value: '1' })
    expect(addressesOf(stage, left)).toEqual([])
    expect(routesOf(stage, left)).toEqual([])
    expect(stage.change(add(left, 'fd00::1/64'))).toEqual(['EACCES'])
  })
}
