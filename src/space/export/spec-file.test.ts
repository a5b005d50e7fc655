import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseSpecFile } from '../spec/file.ts'
import { plainSpec } from '../spec/test-support.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { specFileLines } from './spec-file.ts'

const readBack = (specs: readonly SpaceSpec[]): Promise<SpaceSpec[]> =>
  parseSpecFile(specFileLines(specs).join('\n'), 'spaces.yaml')

const port = (first: number, last = first) => ({ first, last })

test('says only what differs from what would be chosen', () => {
  expect(specFileLines([{ name: 'web', ...plainSpec }])).toEqual(['spaces:', '  web: {}'])
  expect(
    specFileLines([
      {
        name: 'myspace',
        ...plainSpec,
        gateway: '192.168.45.2/24',
        address: '192.168.45.3',
        uplink: 'eth0',
        publish: [{ protocol: 'tcp', hostPort: port(8080), port: port(80) }],
        rate: { up: 10_000_000 },
        egress: [{ network: '10.0.0.0/8' }],
      },
    ]),
  ).toEqual([
    'spaces:',
    '  myspace:',
    '    address: 192.168.45.3',
    '    gateway: 192.168.45.2/24',
    '    uplink: eth0',
    '    publish: ["8080:80"]',
    '    rate:',
    '      up: 10mbit',
    '    egress:',
    '      allow: ["10.0.0.0/8"]',
  ])
})

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const anySpec: fc.Arbitrary<SpaceSpec> = fc
  .record({
    // Words that YAML takes for something else, and names that look like numbers.
    name: fc.constantFrom('web', 'no', 'NULL', 'true', '1e3', '0x10', '007', 'a.b-c_d', '12', 'y'),
    cable: fc.constantFrom<Partial<SpaceSpec>>(
      {},
      { gateway: '192.168.45.2/24', address: '192.168.45.3' },
      { address: '10.9.0.2' },
    ),
    hostInterface: maybe(fc.constantFrom('veth1', 'on', '1e5')),
    interface: maybe(fc.constantFrom('veth2', 'eth0')),
    uplink: maybe(fc.constantFrom('eth0', 'wlan0.100', 'off', 'a"b', "it's", '#x', '&a', '*', 'br-lan@x')),
    dns: maybe(fc.constantFrom([], ['1.1.1.1', '2606:4700::1111'])),
    address6: maybe(fc.constant('fd00:45::3')),
    gateway6: maybe(fc.constantFrom('fd00:45::2/64', 'fd00:45::2/126')),
    source: maybe(fc.constantFrom({ ipv4: '192.0.2.5' }, { ipv4: '192.0.2.5', ipv6: '2001:db8::5' })),
    mtu: maybe(fc.constantFrom(1280, 9000)),
    rate: maybe(fc.constantFrom({ up: 1_000_000 }, { down: 8_000 }, { up: 8_000, down: 2_500_000_000 })),
    egress: maybe(
      fc.constantFrom([], [{}], [{ network: '2001:db8::/32', protocol: 'tcp' as const, port: port(1, 9) }]),
    ),
    publish: fc.constantFrom<SpaceSpec['publish']>(
      [],
      [{ protocol: 'udp', hostAddress: '127.0.0.1', hostPort: port(5353), port: port(53) }],
      [
        { protocol: 'tcp', hostPort: port(9000, 9010), port: port(9000, 9010) },
        { protocol: 'sctp', hostAddress: '::1', hostPort: port(1), port: port(2) },
      ],
    ),
    ipv6: fc.constantFrom<SpaceSpec['ipv6']>('auto', 'on', 'off'),
    connect: fc.constantFrom<string[]>([], ['db'], ['13', 'null']),
    host: fc.constantFrom<SpaceSpec['host']>('none', 'dns', 'all'),
    metadata: fc.boolean(),
    fixFirewall: fc.boolean(),
  })
  .map(({ cable, ...rest }) => {
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
    const spec = { ...plainSpec, ...cable, ...given } as SpaceSpec
    const needs6 = spec.source?.ipv6 !== undefined || spec.publish.some(item => item.hostAddress === '::1')
    const asks6 = spec.address6 !== undefined || spec.gateway6 !== undefined
    return asks6 || (spec.ipv6 === 'off' && needs6) ? { ...spec, ipv6: 'on' as const } : spec
  })

test('what is read back is what was written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(anySpec, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
      async specs => {
        // Two that publish one port are refused; keys that are numbers come first.
        const alone = specs.map((spec, index) => (index === 0 ? spec : { ...spec, publish: [] }))
        const found = new Map((await readBack(alone)).map(spec => [spec.name, spec]))
        for (const spec of alone) expect(found.get(spec.name)).toEqual(spec)
      },
    ),
    { numRuns: 300 },
  )
})

test('an internal space', async () => {
  const spec = { name: 'db', ...plainSpec, internal: true }
  expect(await readBack([spec])).toEqual([spec])
})
