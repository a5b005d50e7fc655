import { describe, expect, test } from 'bun:test'
import { parseBandwidth } from './bandwidth.ts'
import { CniError } from './error.ts'
import { Fields } from './fields.ts'
import { parsePortMappings } from './port-mappings.ts'
import { parseTuning, refuseHeld } from './tuning.ts'

const fieldsOf = (value: object): Fields => new Fields(value, '')
const tuningOf = (value: object, inner = 'eth0') =>
  parseTuning(fieldsOf(value), fieldsOf({}), inner, undefined)
const codeOf = (action: () => unknown): number => {
  try {
    action()
  } catch (error) {
    if (error instanceof CniError) return error.code
    throw error
  }
  return 0
}

describe('settings', () => {
  test('are read with dots or slashes, IFNAME standing for the interface, whose dots are no separators', () => {
    expect(
      tuningOf({ sysctl: { 'net.core.somaxconn': '5', 'net/ipv4/conf/IFNAME/arp_filter': '1' } })?.sysctls,
    ).toEqual({ 'net.core.somaxconn': '5', 'net.ipv4.conf.eth0.arp_filter': '1' })
    expect(tuningOf({ sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' } }, 'eth0.7')?.sysctls).toEqual({
      'net.ipv4.conf.eth0/7.arp_filter': '1',
    })
    expect(tuningOf({ sysctl: { 'net/ipv4/conf/eth0.7/arp_filter': '1' } }, 'eth0.7')?.sysctls).toEqual({
      'net.ipv4.conf.eth0/7.arp_filter': '1',
    })
    expect(tuningOf({})).toBeUndefined()
  })

  test('are those of the network alone, and no way out of its folder', () => {
    for (const key of [
      ...['kernel.hostname', 'vm.swappiness', 'net', 'netx.y', '', 'fs/file-max', '__proto__'],
      ...['net/../kernel/hostname', 'net.//.kernel', 'net..x', 'net.x.', 'net/x/', './net.x', 'net.a b'],
    ])
      expect([key, codeOf(() => tuningOf({ sysctl: JSON.parse(`{${JSON.stringify(key)}:"1"}`) }))]).toEqual([
        key,
        2,
      ])
  })

  test('that natspace holds on an interface of its own cannot be asked for', () => {
    for (const leaf of ['disable_ipv6', 'accept_ra', 'accept_dad'])
      expect(codeOf(() => refuseHeld({ sysctls: { [`net.ipv6.conf.eth0.${leaf}`]: '0' } }, 'eth0'))).toBe(2)
    expect(() => refuseHeld({ sysctls: { 'net.ipv6.conf.all.accept_ra': '0' } }, 'eth0')).not.toThrow()
  })

  test('of the interface: the address of the runtime wins', () => {
    const mac = (last: string) => `02:00:00:00:00:0${last}`
    const asked = (runtime: object, args: object, environment?: string) =>
      parseTuning(fieldsOf({ mac: mac('1'), args: { cni: args } }), fieldsOf(runtime), 'eth0', environment)
        ?.mac
    expect(asked({}, {})).toBe(mac('1'))
    expect(asked({}, {}, '02-00-00-00-00-0A')).toBe(mac('a'))
    expect(asked({}, { mac: mac('3') }, mac('2'))).toBe(mac('3'))
    expect(asked({ mac: mac('4') }, { mac: mac('3') }, mac('2'))).toBe(mac('4'))
    expect(tuningOf({ promisc: true, allmulti: false, txQLen: 0 })).toEqual({
      promiscuous: true,
      allMulticast: false,
      queueLength: 0,
    })
  })
})

test('limits come in pairs; those of the runtime take the place of the network’s', () => {
  const own = { ingressRate: 8_000_000, ingressBurst: 80_001 }
  expect(parseBandwidth(fieldsOf(own), undefined)).toEqual({ down: 8_000_000, downBurst: 10_000 })
  expect(
    parseBandwidth(fieldsOf(own), fieldsOf({ bandwidth: { egressRate: 16_000, egressBurst: 1 } })),
  ).toEqual({ up: 16_000, upBurst: 1 })
  expect(parseBandwidth(fieldsOf({ ingressRate: 0, ingressBurst: 0 }), undefined)).toBeUndefined()
  for (const half of [{ ingressRate: 1 }, { ingressBurst: 1 }, { egressRate: 1 }, { egressBurst: 1 }])
    expect(codeOf(() => parseBandwidth(fieldsOf(half), undefined))).toBe(7)
})

test('ports: 0 means none; what portmap does otherwise is refused', () => {
  const mappings = [
    { hostPort: 0, containerPort: 80 },
    { containerPort: 81 },
    { hostPort: 8080, containerPort: 80, hostIP: '0.0.0.0' },
    { hostPort: 8081, containerPort: 81, hostIP: '::' },
    { hostPort: 53, containerPort: 53, protocol: 'UDP', hostIP: '::1' },
  ]
  expect(parsePortMappings(fieldsOf({ snat: true }), fieldsOf({ portMappings: mappings }))).toEqual([
    '0.0.0.0:8080:80/tcp',
    '8081:81/tcp',
    '[::1]:53:53/udp',
  ])
  const harmless = { masqAll: false, conditionsV4: [], conditionsV6: null, backend: 'nftables' }
  expect(parsePortMappings(fieldsOf(harmless), undefined)).toEqual([])
})
