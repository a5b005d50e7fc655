import { describe, expect, test } from 'bun:test'
import { Fields } from './fields.ts'
import { changedResult, mergeResults, type Previous, parsePrevious, placeInside } from './previous.ts'

const bridge = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'cni0', mac: '02:00:00:00:00:01' },
    { name: 'veth1', mac: '02:00:00:00:00:02' },
    { name: 'eth0', mac: '02:00:00:00:00:03', mtu: 1500, sandbox: '/run/netns/c1' },
  ],
  ips: [{ address: '10.0.0.2/24', gateway: '10.0.0.1', interface: 2 }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: { nameservers: ['192.0.2.1'] },
  other: 'kept',
}
const previousOf = (result: object): Previous => {
  const previous = parsePrevious(new Fields({ prevResult: result }, ''))
  if (previous === undefined) throw new Error('no result')
  return previous
}

describe('the result of the plugins before', () => {
  test('says where the interface of the container is, which those of the host are not', () => {
    const previous = previousOf(bridge)
    expect(placeInside(previous, 'eth0')).toBe(2)
    expect(placeInside(previous, 'cni0')).toBeUndefined()
    expect(placeInside(previous, 'net1')).toBeUndefined()
    expect(previous.addresses).toEqual([
      { address: '10.0.0.2', prefixLength: 24, gateway: '10.0.0.1', interface: 2 },
    ])
    expect(parsePrevious(new Fields({}, ''))).toBeUndefined()
    expect(placeInside(previousOf({}), 'eth0')).toBeUndefined()
  })

  test('is handed on with an interface more, each address at its own', () => {
    const own = {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'veth9' }, { name: 'net1', sandbox: '/run/netns/c1' }],
      ips: [{ address: '10.9.0.2/32', interface: 1 }],
      routes: [{ dst: '10.9.0.0/16' }],
      dns: { search: ['example.org'] },
    }
    expect(mergeResults(previousOf(bridge), own)).toEqual({
      ...bridge,
      interfaces: [...bridge.interfaces, ...own.interfaces],
      ips: [...bridge.ips, { address: '10.9.0.2/32', interface: 4 }],
      routes: [...bridge.routes, ...own.routes],
      dns: { nameservers: ['192.0.2.1'], search: ['example.org'] },
    })
  })

  test('is handed on with what has changed', () => {
    const changed = changedResult(previousOf(bridge), 2, {
      version: '1.1.0',
      mac: '02:00:00:00:00:04',
      mtu: 1400,
      dns: {},
    })
    const [one, two, inner] = bridge.interfaces
    expect(changed).toEqual({
      ...bridge,
      interfaces: [one, two, { ...inner, mac: '02:00:00:00:00:04', mtu: 1400 }],
    })
    const dns = { nameservers: ['192.0.2.9'] }
    expect(changedResult(previousOf(bridge), 2, { version: '1.1.0', dns })).toEqual({ ...bridge, dns })
  })
})
