import { describe, expect, test } from 'bun:test'
import { CniError } from './error.ts'
import { Fields } from './fields.ts'
import { type Asked, delegateIn, parseIpam, placeIn } from './ipam.ts'
import { chooseAddresses } from './ranges.ts'

const ipam = (value: object, asked?: Asked) => parseIpam(new Fields(value, 'ipam'), asked)
const chosen = (value: object, asked?: Asked, used: string[] = []) => {
  const { sets, wanted } = ipam(value, asked)
  return chooseAddresses(sets, new Set(used), wanted).map(({ address }) => address)
}
const both = { ranges: [[{ subnet: 'fd10::/64' }], [{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24' }]] }

describe('ranges', () => {
  test('a container gets an address of each set, in their order', () => {
    expect(chosen(both)).toEqual(['fd10::2', '10.1.0.2'])
    expect(chosen(both, {}, ['fd10::2', '10.1.0.2'])).toEqual(['fd10::3', '10.1.0.3'])
    const { sets, fixed } = ipam(both)
    const places = ['10.2.0.9', 'fd10::2', '10.1.0.2'].map(address =>
      placeIn({ sets, fixed, wanted: [] }, address),
    )
    expect(places).toEqual([1, 0, 1])
  })

  test('of IPv6 the last address is one like the others, of IPv4 it is not', () => {
    const tight = { ranges: [[{ subnet: 'fd10::/126' }], [{ subnet: '10.1.0.0/30' }]] }
    expect(chosen(tight, {}, ['fd10::2'])).toEqual(['fd10::3', '10.1.0.2'])
    expect(() => chosen(tight, {}, ['10.1.0.2'])).toThrow('no address is free')
  })

  test('what is asked for comes out of the set that has it', () => {
    const asked = { environment: '10.2.0.9', runtime: ['fd10::9/64'] }
    expect(chosen(both, asked)).toEqual(['fd10::9', '10.2.0.9'])
    expect(() => chosen(both, asked, ['10.2.0.9'])).toThrow('10.2.0.9 is taken')
    for (const wanted of ['10.1.0.1', '10.3.0.9', 'fd10::1', 'fd11::9', '10.1.0.9,10.2.0.9'])
      expect(() => chosen(both, { environment: wanted })).toThrow(CniError)
  })

  test('must not be of two minds', () => {
    for (const wrong of [
      { subnet: 'fd10::/127' },
      { subnet: '10.0.0.0/7' },
      { subnet: 'fd10::/64', gateway: '10.1.0.1' },
      { ranges: [[]] },
      { ranges: [[{ subnet: 'fd10::/64' }, { subnet: '10.1.0.0/24' }]] },
      { ranges: [[{ subnet: 'fd10::/64' }], [{ subnet: 'fd10::/80' }]] },
    ])
      expect(() => ipam(wrong)).toThrow(CniError)
    const apart = { ...{ subnet: '10.1.0.0/24' }, rangeStart: '10.1.0.100' }
    expect(ipam({ ranges: [[{ subnet: '10.1.0.0/24', rangeEnd: '10.1.0.99' }], [apart]] }).sets.length).toBe(
      2,
    )
  })
})

describe('addresses that are written out', () => {
  const fixed = (value: object, asked?: Asked) => ipam({ type: 'static', ...value }, asked).fixed
  const addresses = [{ address: '10.1.0.5/24' }, { address: 'fd10::5/64', gateway: 'fd10::ff' }]

  test('have the gateway that is named, or the first of their subnet', () => {
    expect(fixed({ addresses })).toEqual([
      { address: '10.1.0.5', gateway: '10.1.0.1', subnet: '10.1.0.0/24' },
      { address: 'fd10::5', gateway: 'fd10::ff', subnet: 'fd10::/64' },
    ])
    for (const address of ['10.1.0.1/24', '10.1.0.5/32', '10.1.0.5/31', 'fd10::1/64', '10.1.0.5'])
      expect(() => fixed({ addresses: [{ address }] })).toThrow(CniError)
    expect(fixed({ addresses: [{ address: '10.1.0.5/32', gateway: '169.254.1.1' }] })).toHaveLength(1)
  })

  test('give way to what the runtime asks for', () => {
    const given = (asked: Asked) => fixed({ addresses }, asked).map(({ address }) => address)
    expect(given({ runtime: ['10.9.0.5/24'], arguments: ['10.8.0.5/24'] })).toEqual(['10.9.0.5'])
    expect(given({ arguments: ['10.8.0.5/24'] })).toEqual(['10.8.0.5'])
    expect(given({ runtime: ['fd10::5'] })).toEqual(['fd10::5'])
    expect(given({ environment: '10.9.0.5/24,10.1.0.5' })).toEqual(['10.1.0.5', 'fd10::5', '10.9.0.5'])
    expect(() => given({ environment: '10.9.0.5' })).toThrow(CniError)
    expect(() => given({ runtime: ['10.9.0.5/24', '10.9.0.5/24'] })).toThrow(CniError)
  })
})

describe('routes', () => {
  const routes = (list: object[], rest: object = both) => ipam({ ...rest, routes: list }).routes

  test('without any lead everywhere, but for the types that route nothing by themselves', () => {
    expect(ipam(both).routes).toBeUndefined()
    expect(ipam({ ...both, type: 'natspace' }).routes).toBeUndefined()
    expect(ipam({ ...both, type: 'host-local' }).routes).toEqual([])
    expect(ipam({ type: 'static', addresses: [{ address: '10.1.0.5/24' }] }).routes).toEqual([])
  })

  test('say what the specification has; 0 is nothing, and one that is there twice is one', () => {
    expect(
      routes([
        { dst: '::/0', gw: 'fd10::1', mtu: 1400, advmss: 1300, priority: 5, table: 100, scope: 0 },
        { dst: '10.9.0.0/16', scope: 253, mtu: 0 },
        { dst: '10.9.0.0/16', scope: 253 },
        { dst: '10.8.0.0/16', gw: '10.2.0.1' },
      ]),
    ).toEqual([
      { destination: '::/0', gateway: 'fd10::1', mtu: 1400, advertisedMss: 1300, priority: 5, table: 100 },
      { destination: '10.9.0.0/16', isOnLink: true },
      { destination: '10.8.0.0/16', gateway: '10.2.0.1' },
    ])
  })

  test('that cannot be are refused', () => {
    for (const route of [
      { dst: '10.9.0.1/16' },
      { dst: 'x' },
      { dst: '10.9.0.0/16', gw: 'fd10::1' },
      { dst: '10.9.0.0/16', gw: '10.1.0.7' },
      { dst: '10.9.0.0/16', gw: '10.1.0.1', scope: 253 },
      { dst: '10.9.0.0/16', scope: 254 },
      { dst: '10.9.0.0/16', table: 255 },
      { dst: '10.9.0.0/16', mtu: -1 },
      { dst: '10.9.0.0/16', other: 1 },
    ])
      expect(() => routes([route])).toThrow(CniError)
    expect(() => routes([{ dst: '::/0' }], { subnet: '10.1.0.0/24' })).toThrow(CniError)
  })
})

describe('the plugin that gives addresses', () => {
  test('is any that natspace is not itself, and those where it is asked for', () => {
    expect(ipam({ type: 'dhcp', anything: 1 }).delegate).toBe('dhcp')
    expect(ipam({ type: 'host-local', delegate: true, dataDir: '/run/x' }).delegate).toBe('host-local')
    expect(ipam({ type: 'host-local', subnet: '10.1.0.0/24', delegate: false }).delegate).toBeUndefined()
    for (const type of ['../dhcp', 'a/b', '.', '..', '', ' ', 'a b', 'x'.repeat(256), 'é', '$(id)', 'a\n'])
      expect(() => ipam({ type })).toThrow(CniError)
    expect(() => ipam({ delegate: true })).toThrow(CniError)
  })

  test('is known in what cannot be read otherwise, as taking away must not fail for that', () => {
    expect(delegateIn({ type: 'dhcp' })).toBe('dhcp')
    expect(delegateIn({ type: 'host-local', delegate: true })).toBe('host-local')
    const none = [undefined, 7, null, [], {}, { type: 7 }, { type: '../x' }, { type: 'static' }]
    for (const value of [...none, { type: 'natspace', delegate: true }])
      expect(delegateIn(value)).toBeUndefined()
  })
})
