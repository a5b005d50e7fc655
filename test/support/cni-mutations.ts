import { randomNumbers } from './mutation.ts'

/**
 * Requests to a CNI plugin that are nearly right: configurations that runtimes really send, with a few of their values,
 * keys, characters or variables changed. The same seed gives the same requests.
 */

export type HostileRequest = { environment: Record<string, string | undefined>; text: string }

type Json = Record<string, unknown>

const previous = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'veth-a', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/c2' },
  ],
  ips: [{ address: '10.88.0.2/24', gateway: '10.88.0.1', interface: 1 }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.88.0.1', mtu: 1400, priority: 5, table: 7, scope: 0 }],
  dns: { nameservers: ['192.0.2.1'] },
}

const base = { cniVersion: '1.1.0', name: 'net', type: 'natspace' }

/** What the reference plugins and runtimes write, each of it something that natspace does. */
export const corpus: readonly Json[] = [
  base,
  { ...base, ipam: { subnet: '10.88.0.0/24', routes: [{ dst: '0.0.0.0/0' }] } },
  {
    ...base,
    cniVersion: '0.4.0',
    ipMasq: true,
    mtu: 1400,
    ipam: {
      type: 'host-local',
      ranges: [
        [
          { subnet: '10.88.0.0/24', rangeStart: '10.88.0.5', rangeEnd: '10.88.0.50', gateway: '10.88.0.1' },
          { subnet: '10.89.0.0/24' },
        ],
        [{ subnet: 'fd00:88::/64' }],
      ],
      routes: [{ dst: '0.0.0.0/0', gw: '10.88.0.1' }, { dst: '::/0' }],
    },
    dns: { nameservers: ['192.0.2.1'], domain: 'a.test', search: ['b.test'], options: ['ndots:1'] },
  },
  {
    ...base,
    ipam: {
      type: 'static',
      addresses: [{ address: '10.88.0.9/24', gateway: '10.88.0.1' }],
      routes: [{ dst: '198.51.100.0/24' }],
    },
    sysctl: { 'net.core.somaxconn': '512', 'net.ipv4.conf.IFNAME.arp_filter': '1' },
    promisc: true,
    allmulti: true,
    txQLen: 500,
  },
  {
    ...base,
    ipam: { subnet: '10.88.0.0/24' },
    capabilities: { portMappings: true, bandwidth: true, ips: true, mac: true, dns: true, aliases: true },
    args: { cni: { ips: ['10.88.0.7'], labels: [{ key: 'a', value: 'b' }] } },
    runtimeConfig: {
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' },
        { hostPort: 5353, containerPort: 53, protocol: 'UDP', hostIP: '127.0.0.1' },
      ],
      bandwidth: { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 2e6, egressBurst: 1e6 },
      dns: { servers: ['192.0.2.1'], searches: ['b.test'], options: [] },
      mac: '02:11:22:33:44:55',
      aliases: ['web'],
    },
  },
  {
    ...base,
    host: 'all',
    metadata: true,
    uplink: 'eth0',
    fixFirewall: true,
    noMasquerade: ['10.0.0.0/8'],
    isolated: true,
    ipam: { subnet: '10.88.0.0/24', gateway: '10.88.0.254' },
  },
  {
    ...base,
    internal: true,
    ipam: { subnet: '10.88.0.0/24' },
    prevResult: { ...previous, interfaces: [], ips: [] },
  },
  { ...base, ipam: { type: 'dhcp', anything: [1, { deep: {} }] } },
]

const nasty: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    4_294_967_296,
    '',
    ' ',
    'x',
    'eth0',
    '..',
    '../../x',
    '/',
  ],
  ...['\u0000', '\u001b[2J', '\ud800', '\u202e', "';--", '$(id)', '`id`', '%s%n', 'a\nb', 'x'.repeat(5000)],
  ...[
    '10.0.0.0/8',
    '10.88.0.1',
    '10.88.0.0/33',
    '0.0.0.0/0',
    '::/0',
    '::1',
    'fe80::1',
    '256.1.1.1',
    '1.1',
    '010.1.1.1',
  ],
  ...[
    '127.0.0.1',
    '224.0.0.1',
    'ffff:'.repeat(9),
    'fd00:88::2/64',
    '::ffff:10.88.0.3',
    '10.88.0.255',
    '192.168.1.32',
  ],
  ...[
    [],
    {},
    [[]],
    [{}],
    [null],
    [[[]]],
    { subnet: 7 },
    { toString: 1 },
    Array.from({ length: 300 }, () => ({})),
  ],
  ...[
    '0.3.0',
    '1.1.0',
    '9.9.9',
    '__proto__',
    'constructor',
    'host-local',
    'static',
    'natspace',
    'none',
    'all',
    'dns',
  ],
]

const keys = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    'subnet',
    'IPAM',
    'ranges',
    'routes',
    'dst',
    'gateway',
    'address',
    'mtu',
  ],
  ...[
    'name',
    'prevResult',
    'runtimeConfig',
    'portMappings',
    'cni.dev/x',
    'a.b/c',
    'x',
    '',
    'delegate',
    'ips',
    'sandbox',
  ],
]

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const commands = ['ADD', 'ADD', 'ADD', 'ADD', 'DEL', 'CHECK', 'CHECK', 'GC', 'STATUS', 'VERSION']

/** Endless requests for containers in these namespaces; the first has nothing yet. */
export function* hostileRequests(seed: number, folder = '/run/netns'): Generator<HostileRequest> {
  const random = randomNumbers(seed)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const isLucky = (oneIn: number) => random(oneIn) === 0
  const mutate = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || isLucky(6)) return pick(nasty)
    if (Array.isArray(value)) {
      if (isLucky(4)) return [...value, ...value, pick(nasty)]
      return value.map(item => (isLucky(2) ? mutate(item) : item))
    }
    const entries = Object.entries(value)
    const [key] = pick(entries.length > 0 ? entries : [['x', 1] as [string, unknown]])
    if (isLucky(10)) return Object.fromEntries(entries.filter(([name]) => name !== key))
    return Object.fromEntries([
      ...entries.map(([name, item]) => [isLucky(40) ? pick(keys) : name, name === key ? mutate(item) : item]),
      ...(isLucky(8) ? [[pick(keys), pick(nasty)]] : []),
    ])
  }
  const garble = (text: string): string => {
    const at = random(text.length)
    return (
      text.slice(0, at) + pick(['', '{', '"', ',', '\\', '\uffff', '[[[[', ':1e999']) + text.slice(at + 1)
    )
  }
  const configurationOf = (command: string): Json => ({
    ...pick(corpus),
    ...(command === 'CHECK' || isLucky(6) ? { prevResult: previous } : {}),
    ...(command === 'GC' ? { 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }] } : {}),
  })
  for (;;) {
    const command = pick(commands)
    const container = isLucky(4) ? 'c2' : 'c1'
    let configuration: unknown = configurationOf(command)
    for (let count = isLucky(12) ? 0 : 1 + random(2); count > 0; count--)
      configuration = mutate(configuration)
    const text = JSON.stringify(configuration) ?? ''
    const environment: HostileRequest['environment'] = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: `${folder}/${container}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/run/plugins',
      ...(isLucky(4)
        ? { CNI_ARGS: pick(['IgnoreUnknown=1;A=B', 'IP=10.88.0.8', 'MAC=02:00:00:00:00:09', 'A']) }
        : {}),
    }
    if (isLucky(5)) {
      const variable = pick(Object.keys(environment))
      // No variable of a process can have a NUL byte.
      const value = textOf(pick(nasty)).replaceAll('\u0000', '')
      environment[variable] = isLucky(3) ? undefined : value
    }
    yield { environment, text: isLucky(12) ? garble(text) : text }
  }
}
