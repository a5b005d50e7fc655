import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { NatspaceError } from '../errors.ts'
import { optionSite } from './fault.ts'
import { faultOf, hostileText, plainSpec } from './test-support.ts'
import type { RawSpec } from './types.ts'
import { validateSpec } from './validate.ts'

test('the space of the reference experiment', () => {
  const spec = validateSpec('myspace', {
    address: '192.168.45.3',
    gateway: '192.168.45.2/24',
    hostInterface: 'veth1',
    interface: 'veth2',
    uplink: 'eth0',
    publish: ['8080:80'],
    dns: ['FD00::53', '1.1.1.1'],
    mtu: '1400',
  })
  expect(spec).toEqual({
    ...plainSpec,
    name: 'myspace',
    address: '192.168.45.3',
    gateway: '192.168.45.2/24',
    hostInterface: 'veth1',
    interface: 'veth2',
    uplink: 'eth0',
    publish: [{ protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } }],
    dns: ['fd00::53', '1.1.1.1'],
    mtu: 1400,
  })
})

test('nothing but a name', () => {
  expect(validateSpec('web', {})).toEqual({ name: 'web', ...plainSpec })
  expect(validateSpec('web', { address: undefined, internal: true, fixFirewall: true })).toEqual({
    ...plainSpec,
    name: 'web',
    internal: true,
    fixFirewall: true,
  })
})

describe('refused', () => {
  const gateway = '10.5.0.1/24'
  const cases: [string, RawSpec][] = [
    ['BAD_ADDRESS', { address: '' }],
    ['BAD_ADDRESS', { address: '10.5.0' }],
    ['BAD_ADDRESS', { address: '010.5.0.1' }],
    ['BAD_ADDRESS', { address: '10.5.0.1/24' }],
    ['BAD_ADDRESS', { address: 'fd00::1' }],
    ['BAD_ADDRESS', { address: '127.0.0.1' }],
    ['BAD_ADDRESS', { address: '224.0.0.1' }],
    ['BAD_ADDRESS', { address: '169.254.1.1' }],
    ['BAD_ADDRESS', { address: '0.0.0.0' }],
    ['BAD_ADDRESS', { address: '255.255.255.255' }],
    ['BAD_ADDRESS', { gateway, address: '10.5.0.0' }],
    ['BAD_ADDRESS', { gateway, address: '10.5.0.255' }],
    ['ADDRESS_IS_GATEWAY', { gateway, address: '10.5.0.1' }],
    ['ADDRESS_OUTSIDE_GATEWAY_NETWORK', { gateway, address: '10.5.1.2' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.1' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.1/255.255.255.0' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.1/32' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.1/7' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.0/24' }],
    ['BAD_GATEWAY', { gateway: '10.5.0.255/24' }],
    ['BAD_GATEWAY', { gateway: 'fd00::1/64' }],
    ['BAD_GATEWAY', { gateway: '127.0.0.1/8' }],
    ['BAD_INTERFACE_NAME', { hostInterface: 'a-name-too-long-' }],
    ['BAD_INTERFACE_NAME', { hostInterface: 'all' }],
    ['BAD_INTERFACE_NAME', { interface: 'lo' }],
    ['BAD_INTERFACE_NAME', { interface: 'x\x1b[2J' }],
    ['BAD_INTERFACE_NAME', { uplink: 'eth0:1' }],
    ['BAD_INTERFACE_NAME', { uplink: 'lo' }],
    ['BAD_UPLINK', { uplink: 'veth1', hostInterface: 'veth1' }],
    ['BAD_ADDRESS', { address6: '192.168.45.3' }],
    ['BAD_ADDRESS', { address6: 'fd00:45::3/64' }],
    ['BAD_ADDRESS', { address6: 'fe80::1' }],
    ['BAD_ADDRESS', { address6: '::1' }],
    ['BAD_ADDRESS', { address6: '::ffff:192.0.2.1' }],
    ['BAD_ADDRESS', { address6: 'ff02::1' }],
    ['BAD_ADDRESS', { address6: '::' }],
    ['BAD_GATEWAY', { gateway6: 'fd00:45::2' }],
    ['BAD_GATEWAY', { gateway6: 'fd00:45::2/128' }],
    ['BAD_GATEWAY', { gateway6: 'fd00:45::2/32' }],
    ['BAD_GATEWAY', { gateway6: 'fd00:45::/64' }],
    ['BAD_GATEWAY', { gateway6: '192.168.45.2/24' }],
    ['ADDRESS_IS_GATEWAY', { gateway6: 'fd00:45::2/64', address6: 'fd00:45:0::2' }],
    ['ADDRESS_OUTSIDE_GATEWAY_NETWORK', { gateway6: 'fd00:45::2/64', address6: 'fd00:46::3' }],
    ['BAD_ADDRESS', { gateway6: 'fd00:45::2/64', address6: 'fd00:45::' }],
    ['CONFLICTING_VALUES', { address6: 'fd00:45::3', ipv6: 'off' }],
    ['CONFLICTING_VALUES', { gateway6: 'fd00:45::2/64', ipv6: false }],
    ['BAD_MTU', { address6: 'fd00:45::3', mtu: 1000 }],
    ['BAD_PUBLISH', { publish: ['1-65535'] }],
    ['BAD_PUBLISH', { publish: ['30000-40000/udp', '40001-61000/udp', '53/udp'] }],
    ['BAD_UPLINK', { uplink: 'eth0', internal: true }],
    ['BAD_PORT', { publish: [0] }],
    ['BAD_PORT', { publish: [65536] }],
    ['BAD_PORT', { publish: [80.5] }],
    ['BAD_PORT', { publish: [1e21] }],
    ['BAD_PUBLISH', { publish: ['80/icmp'] }],
    ['BAD_PUBLISH', { publish: ['[fd00::1]:80'], ipv6: 'off' }],
    ['BAD_IPV6', { ipv6: 'yes' }],
    ['BAD_HOST_ACCESS', { host: 'some' }],
    ['BAD_SOURCE', { source: ['127.0.0.1'] }],
    ['BAD_SOURCE', { source: ['192.0.2.1', '192.0.2.2'] }],
    ['BAD_SOURCE', { source: ['2001:db8::1'], ipv6: 'off' }],
    ['BAD_CONNECT', { connect: ['web'] }],
    ['BAD_CONNECT', { connect: ['../x'] }],
    ['BAD_EGRESS', { egress: { allow: ['host:80'] } }],
    ['BAD_RATE', { rate: { up: '10' } }],
    ['BAD_MTU', { mtu: 1279, ipv6: 'on' }],
    ['CONFLICTING_VALUES', { internal: true, source: '192.0.2.1' }],
    ['CONFLICTING_VALUES', { internal: true, egress: { allow: [] } }],
    ['DUPLICATE_PORT', { publish: ['80', '80:81'] }],
    ['DUPLICATE_PORT', { publish: ['127.0.0.1:80', '79-81'] }],
    ['BAD_DNS', { dns: ['dns.example'] }],
    ['BAD_DNS', { dns: ['1.1.1.1', '0.0.0.0'] }],
    ['BAD_DNS', { dns: ['ff02::1'] }],
    ['BAD_MTU', { mtu: 67 }],
    ['BAD_MTU', { mtu: 65536 }],
    ['BAD_MTU', { mtu: '1500.0' }],
    ['BAD_MTU', { mtu: Number.NaN }],
    ['BAD_MTU', { mtu: '' }],
  ]
  test.each(cases)('%s: %j', (code, raw) => {
    const fault = faultOf(() => validateSpec('web', raw, optionSite))
    expect([fault.code, fault.exit]).toEqual([code, 2])
    expect(fault.what).toMatch(/^Cannot use --[a-z0-9-]+ '/)
    expect(fault.why).not.toBeEmpty()
    expect(fault.fix).not.toBeEmpty()
  })

  test.each(['', '..', '../etc', 'a b', '-x', 'é', 'x'.repeat(300), '\x1b[2J'])('name %j', name => {
    const fault = faultOf(() => validateSpec(name, {}, optionSite))
    expect(fault.code).toBe('BAD_NAME')
    expect(fault.what).toStartWith("Cannot use NAME '")
    expect(fault.message.length).toBeLessThan(250)
  })
})

test('an egress list that contradicts another value is shown as it stands', () => {
  const fault = faultOf(() =>
    validateSpec('web', { internal: true, egress: { allow: ['192.0.2.0/24', 'any:443/tcp'] } }, optionSite),
  )
  expect(fault.what).toBe("Cannot use --egress '192.0.2.0/24, any:443/tcp'")
})

test('/31 has two hosts and no broadcast address', () => {
  expect(validateSpec('web', { gateway: '10.5.0.0/31', address: '10.5.0.1' }).gateway).toBe('10.5.0.0/31')
})

test('an address that begins like the gateway is not the gateway', () => {
  expect(validateSpec('web', { gateway: '10.5.0.12/24', address: '10.5.0.1' }).address).toBe('10.5.0.1')
})

test('options are named as they are typed', () => {
  expect(faultOf(() => validateSpec('web', { hostInterface: '' }, optionSite)).what).toBe(
    "Cannot use --host-interface ''",
  )
})

test('whatever the values, the answer is a spec or a NatspaceError that is safe to print', () => {
  const raw = fc.record(
    {
      address: hostileText,
      gateway: hostileText,
      hostInterface: hostileText,
      interface: hostileText,
      uplink: hostileText,
      publish: fc.array(fc.oneof(hostileText, fc.double()), { maxLength: 3 }),
      dns: fc.array(hostileText, { maxLength: 3 }),
      mtu: fc.oneof(hostileText, fc.double()),
      internal: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(fc.constant('web'), hostileText), raw, (name, values) => {
      try {
        expect(validateSpec(name, values).name).toBe(name)
      } catch (error) {
        if (!(error instanceof NatspaceError)) throw error
        const shown = [error.what, error.why, ...error.evidence, ...error.fix].join(' ')
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      }
    }),
    { numRuns: 2000 },
  )
})

test('the path of `up` without a file loads neither valibot nor yaml', () => {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (?!type ).*?from '(.+?)'$/gm,
    )) {
      if (name.startsWith('.')) visit(join(dirname(file), name))
      else packages.add(name)
    }
  }
  for (const entry of ['validate.ts', 'resolve.ts']) visit(join(import.meta.dirname, entry))
  expect(seen.size).toBeGreaterThan(10)
  expect([...packages]).toEqual([])
})
