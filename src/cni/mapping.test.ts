import { describe, expect, test } from 'bun:test'
import { FakeKernel } from '../linux/fake.ts'
import { resolveSpec } from '../space/spec/resolve.ts'
import { specOf } from '../space/spec/spec-of.ts'
import { statePaths } from '../space/state/records.ts'
import { baseSpec, spaceNameOf, withAddresses } from './attachment.ts'
import { parseConfiguration, parseHeader } from './configuration.ts'
import { CniError } from './error.ts'
import { Fields } from './fields.ts'
import { chooseAddresses, parseRange } from './ranges.ts'
import { addResult } from './result.ts'

const header = (configuration: object) =>
  parseHeader(JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'natspace', ...configuration }))
const specOfNetwork = (configuration: object, wanted?: string) => {
  const parsed = parseConfiguration(header(configuration), { address: wanted })
  const context = { kernel: new FakeKernel(), paths: statePaths() }
  return withAddresses(context, baseSpec(parsed, 'cni-c1', 'net0'), 'net', parsed)
}
const facts = {
  taken: [],
  linkNames: new Set<string>(),
  hasIpv6: false,
  prefix6: () => 'fd00::/48',
  mtuOf: () => 1500,
  peer: () => undefined,
}

describe('the name of a space', () => {
  test('differs by network, container and interface, and is always one that a space can have', () => {
    const all = ['a', 'b', 'x'.repeat(255)].flatMap(network =>
      ['c', 'f'.repeat(64)].flatMap(container =>
        ['eth0', 'eth1'].map(inner => spaceNameOf({ network, container, interface: inner })),
      ),
    )
    expect(new Set(all).size).toBe(12)
    for (const name of all) expect(name).toMatch(/^cni-[a-zA-Z0-9][a-zA-Z0-9_.-]{0,40}$/)
  })
})

describe('a configuration', () => {
  test('without addresses leaves them to natspace', () => {
    const spec = specOfNetwork({})
    expect(spec).toMatchObject({ interface: 'net0', ipv6: 'off', publish: [], host: 'dns' })
    expect(spec.gateway).toBeUndefined()
  })

  test('with a subnet gives an address of it, by a gateway that all share', () => {
    const spec = specOfNetwork({ ipam: { subnet: '10.88.0.0/16', routes: [{ dst: '10.0.0.0/8' }] } })
    expect(spec).toMatchObject({
      address: '10.88.0.2',
      gateway: '10.88.0.1/32',
      subnet: '10.88.0.0/16',
      routes: [{ destination: '10.0.0.0/8' }],
    })
    const space = resolveSpec(spec, facts)
    expect(space).toMatchObject({ address: '10.88.0.2', gateway: '10.88.0.1', network: '10.88.0.2/32' })
    expect(resolveSpec(specOf(space), { ...facts, previous: space })).toEqual(space)
  })

  test('ports, rates and resolvers are those that the runtime asks for', () => {
    const spec = specOfNetwork({
      dns: { nameservers: ['192.0.2.1'] },
      runtimeConfig: {
        portMappings: [
          { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '' },
          { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '127.0.0.1' },
        ],
        bandwidth: {
          ...{ ingressRate: 8_000_000, ingressBurst: 800_000 },
          ...{ egressRate: 16_000_000, egressBurst: 4_000_004 },
        },
        dns: { servers: ['192.0.2.2'] },
      },
    })
    expect(spec.publish).toMatchObject([
      { protocol: 'tcp', hostPort: { first: 8080 }, port: { first: 80 } },
      { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: { first: 53 } },
    ])
    expect(spec.rate).toEqual({ down: 8_000_000, downBurst: 100_000, up: 16_000_000, upBurst: 500_000 })
    expect(spec.dns).toEqual(['192.0.2.2'])
  })

  test('an address can be asked for in four ways, and all must mean the same', () => {
    const ipam = { subnet: '10.88.0.0/16' }
    expect(specOfNetwork({ ipam, runtimeConfig: { ips: ['10.88.0.9/16'] } }).address).toBe('10.88.0.9')
    expect(specOfNetwork({ ipam, args: { cni: { ips: ['10.88.0.9'] } } }).address).toBe('10.88.0.9')
    expect(specOfNetwork({ ipam }, '10.88.0.9').address).toBe('10.88.0.9')
    const fixed = { type: 'static', addresses: [{ address: '10.88.0.9/16', gateway: '10.88.0.1' }] }
    expect(specOfNetwork({ ipam: fixed }, '10.88.0.9').address).toBe('10.88.0.9')
    expect(() => specOfNetwork({ ipam: fixed }, '10.88.0.8')).toThrow(CniError)
    expect(() => specOfNetwork({ ipam }, '10.89.0.9')).toThrow(CniError)
  })
})

describe('addresses', () => {
  const range = (start: string, end: string) =>
    parseRange(new Fields({ subnet: '10.1.0.0/24', rangeStart: start, rangeEnd: end }, 'ipam'))

  test('are given in order, one range after the other, never a gateway, never one that is taken', () => {
    const ranges = [range('10.1.0.1', '10.1.0.3'), range('10.1.0.9', '10.1.0.9')]
    const used = new Set(['10.1.0.2'])
    const given: string[] = []
    for (let count = 0; count < 2; count++) {
      const [{ address } = { address: '' }] = chooseAddresses([ranges], used)
      given.push(address)
      used.add(address)
    }
    expect(given).toEqual(['10.1.0.3', '10.1.0.9'])
    expect(() => chooseAddresses([ranges], used)).toThrow('no address is free')
    expect(() => chooseAddresses([ranges], used, ['10.1.0.9'])).toThrow('10.1.0.9 is taken')
    expect(() => chooseAddresses([ranges], used, ['10.1.0.1'])).toThrow(CniError)
  })
})

test('a result has the fields of its version', () => {
  const space = resolveSpec(specOfNetwork({ ipam: { subnet: '10.88.0.0/16' } }), facts)
  const of = (version: Parameters<typeof addResult>[0]) => addResult(version, space, {})
  expect(of('0.4.0').ips).toEqual([
    { version: '4', address: '10.88.0.2/16', gateway: '10.88.0.1', interface: 1 },
  ])
  expect(of('1.0.0').ips[0]).not.toHaveProperty('version')
  expect(of('1.0.0').interfaces[1]).not.toHaveProperty('mtu')
  expect(of('1.1.0').interfaces[1]).toMatchObject({ name: 'net0', mtu: 1500 })
  expect(of('1.1.0').routes).toEqual([{ dst: '0.0.0.0/0', gw: '10.88.0.1' }])
})
