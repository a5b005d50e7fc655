import { describe, expect, test } from 'bun:test'
import { NatspaceError } from '../space/errors.ts'
import { statePaths } from '../space/state/records.ts'
import { CniError, cniCode } from './error.ts'
import { type Answer, runPlugin } from './plugin.ts'

/** A kernel that stops whoever asks it anything: what comes before must not need it. */
const untouchable = new Proxy({} as never, {
  get: () => {
    throw new CniError(cniCode.tryLater, 'the kernel was asked')
  },
})

const run = (environment: Record<string, string | undefined>, input: string): Promise<Answer> =>
  runPlugin({
    environment,
    read: () => input,
    open: () => ({ kernel: untouchable, paths: statePaths(), [Symbol.dispose]() {} }),
    warn: () => {},
    explain: async error => {
      if (error instanceof NatspaceError) return error
      throw error
    },
  })

const endpoint = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/c1', CNI_IFNAME: 'eth0' }
const whole = {
  cniVersion: '1.1.0',
  name: 'net',
  type: 'natspace',
  mtu: 1400,
  ipMasq: true,
  host: 'dns',
  dns: { nameservers: ['192.0.2.1'], search: ['example.org'] },
  args: { cni: { ips: ['10.88.0.9'], labels: [{ key: 'a', value: 'b' }] } },
  ipam: {
    type: 'host-local',
    ranges: [
      [{ subnet: '10.88.0.0/24', rangeStart: '10.88.0.5', rangeEnd: '10.88.0.50', gateway: '10.88.0.1' }],
    ],
    routes: [{ dst: '0.0.0.0/0', gw: '10.88.0.1' }],
  },
  capabilities: { portMappings: true },
  runtimeConfig: {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '127.0.0.1' }],
    bandwidth: { ingressRate: 1_000_000, ingressBurst: 1, egressRate: 0 },
  },
  'cni.dev/attachments': [],
}

const codeOf = async (environment: Record<string, string | undefined>, configuration: unknown) => {
  const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration)
  const { text: output, status } = await run(environment, text)
  expect(status).toBe(1)
  return JSON.parse(output).code as number
}
const addWith = (change: object) => codeOf({ CNI_COMMAND: 'ADD', ...endpoint }, { ...whole, ...change })

describe('the protocol', () => {
  test('a right request comes as far as the kernel', async () => {
    for (const command of ['ADD', 'DEL'])
      expect(await codeOf({ CNI_COMMAND: command, ...endpoint }, whole)).toBe(cniCode.tryLater)
    expect(await codeOf({ CNI_COMMAND: 'CHECK', ...endpoint }, { ...whole, prevResult: {} })).toBe(11)
    expect(await codeOf({ CNI_COMMAND: 'GC' }, { ...whole, 'cni.dev/valid-attachments': [] })).toBe(11)
  })

  test('VERSION answers in the version that is asked for, also without a configuration', async () => {
    const answer = async (input: string) => JSON.parse((await run({ CNI_COMMAND: 'VERSION' }, input)).text)
    const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']
    expect(await answer('{"cniVersion":"0.4.0"}')).toEqual({ cniVersion: '0.4.0', supportedVersions })
    expect(await answer('')).toEqual({ cniVersion: '1.1.0', supportedVersions })
    expect(await answer('{"cniVersion":"9.9.9"}')).toEqual({ cniVersion: '1.1.0', supportedVersions })
  })

  test('1: versions, and commands that a version does not have', async () => {
    for (const cniVersion of ['0.1.0', '0.2.0', '2.0.0', '', undefined])
      expect(await addWith({ cniVersion })).toBe(1)
    expect(await codeOf({ CNI_COMMAND: 'CHECK', ...endpoint }, { ...whole, cniVersion: '0.3.1' })).toBe(1)
    expect(await codeOf({ CNI_COMMAND: 'GC' }, { ...whole, cniVersion: '1.0.0' })).toBe(1)
    expect(await codeOf({ CNI_COMMAND: 'STATUS' }, { ...whole, cniVersion: '1.0.0' })).toBe(1)
  })

  test('2: fields that natspace does not know or does not do, with key and value in the message', async () => {
    for (const change of [
      { isGateway: true },
      { ipam: { type: 'host-local', subnet: '10.1.0.0/24', dataDir: '/run/x' } },
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '0.0.0.0/0', scope: 200 }] }, args: undefined },
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '0.0.0.0/0', table: 255 }] }, args: undefined },
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '0.0.0.0/0', gw: '10.9.9.9' }] }, args: undefined },
      { runtimeConfig: { cgroupPath: '/x' } },
      { sysctl: { 'kernel.shmmax': '1' } },
      { sysctl: { 'net//x': '1' } },
      { sysctl: { 'net.ipv6.conf.IFNAME.accept_ra': '1' } },
      { snat: false },
      { masqAll: true },
      { markMasqBit: 13 },
      { externalSetMarkChain: 'KUBE-MARK-MASQ' },
      { conditionsV4: ['-s', '10.0.0.0/8'] },
      { backend: 'iptables' },
    ])
      expect(await addWith(change)).toBe(2)
    const { text } = await run(
      { CNI_COMMAND: 'ADD', ...endpoint },
      JSON.stringify({ ...whole, hairpinMode: 7 }),
    )
    expect(JSON.parse(text).msg).toBe("hairpinMode '7' is not supported")
  })

  test('4: the environment, with the variable in the message', async () => {
    const bad = {
      CNI_COMMAND: ['', 'add', 'NOPE', undefined],
      CNI_CONTAINERID: ['', '.', '../x', 'a b', 'a/b', 'x'.repeat(256), undefined],
      CNI_IFNAME: ['', '.', 'lo', 'a/b', 'a b', 'x'.repeat(16), '\u001b[1m', undefined],
      CNI_NETNS: ['', 'relative', `/${'x'.repeat(5000)}`, undefined],
      CNI_ARGS: ['novalue', '=x', 'x'.repeat(70_000), 'FOO=1', 'IgnoreUnknown=0;FOO=1'],
    }
    for (const [variable, values] of Object.entries(bad))
      for (const value of values) {
        const environment = { CNI_COMMAND: 'ADD', ...endpoint, [variable]: value }
        const { text } = await run(environment, JSON.stringify(whole))
        expect(JSON.parse(text)).toMatchObject({ code: 4, msg: expect.stringContaining(variable) })
      }
  })

  test('5: standard input that cannot be read', async () => {
    const { text, status } = await runPlugin({
      environment: { CNI_COMMAND: 'VERSION' },
      read: () => {
        throw new CniError(cniCode.io, 'cannot read standard input')
      },
      open: () => ({ kernel: untouchable, paths: statePaths(), [Symbol.dispose]() {} }),
      warn: () => {},
      explain: async error => error as NatspaceError,
    })
    expect({ code: JSON.parse(text).code, status }).toEqual({ code: 5, status: 1 })
  })

  test('6: what is not JSON, or too long', async () => {
    for (const text of ['', '{', '[1,2', 'null null', '['.repeat(500_000), ' '.repeat(1_048_577)])
      expect(await codeOf({ CNI_COMMAND: 'ADD', ...endpoint }, text)).toBe(6)
  })

  test('7: values', async () => {
    for (const change of [
      { name: '' },
      { name: '../x' },
      { mtu: -1 },
      { mtu: '1500' },
      { dns: [] },
      { dns: { nameservers: [1] } },
      { host: 1 },
      { runtimeConfig: { ips: ['10.88.0.6', '10.88.0.7'] }, args: undefined },
      { runtimeConfig: { ips: ['10.89.0.4'] }, args: undefined },
      { runtimeConfig: { ips: ['x'] } },
      { ipam: { type: '../dhcp' } },
      { ipam: { type: '..' } },
      { ipam: { type: 'a b' } },
      { ipam: { type: 'natspace', delegate: true } },
      { ipam: { subnet: 'fd00::/127' } },
      { ipam: { subnet: 'fd00::/64', rangeStart: '10.1.0.1' } },
      { ipam: { ranges: [[{ subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' }]] } },
      { ipam: { ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: '10.1.0.0/25' }]] } },
      { ipam: { type: 'static', addresses: [] } },
      { ipam: { type: 'static', addresses: [{ address: '10.1.0.1/32' }] } },
      { ipam: { type: 'static', addresses: [{ address: '10.1.0.5' }] } },
      { ipam: { type: 'static', addresses: [{ address: '10.1.0.5/24', gateway: 'fd00::1' }] } },
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '::/0' }] } },
      { noMasquerade: ['10.0.0.1/8'] },
      { noMasquerade: ['nobody'] },
      { noMasquerade: '10.0.0.0/8' },
      { noMasquerade: ['10.0.0.0/8'], internal: true },
      { accept: ['10.0.0.0'] },
      { isolated: 'yes' },
      { ipam: { subnet: '10.1.0.0/31' } },
      { ipam: { subnet: '10.1.0.1/24' } },
      { ipam: { subnet: '10.1.0.0/24', rangeStart: '10.2.0.1' } },
      { ipam: { subnet: '10.1.0.0/24', rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8' } },
      { ipam: { subnet: '10.1.0.0/24', ranges: [[{ subnet: '10.2.0.0/24' }]] } },
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '10.0.0.1/8' }] } },
      { runtimeConfig: { portMappings: [{ hostPort: 80 }] } },
      { runtimeConfig: { portMappings: [{ hostPort: -1, containerPort: 80 }] } },
      { runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'icmp' }] } },
      { runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, hostIP: 'x' }] } },
      { prevResult: 7 },
      { prevResult: { interfaces: [7] } },
      { prevResult: { ips: [{ address: 'x' }] } },
      { prevResult: { ips: [{ address: '10.0.0.1/8', interface: 1 }] } },
      { prevResult: { ips: [{ address: '10.0.0.1/8', gateway: 'x' }] } },
      { host: 'nobody' },
      { mtu: 10 },
      { uplink: 'lo' },
      { dns: { nameservers: ['nobody'] } },
      { internal: true, uplink: 'eth0' },
      { runtimeConfig: { bandwidth: { ingressRate: 1, ingressBurst: 8000 } } },
      { runtimeConfig: { bandwidth: { ingressRate: 1_000_000 } } },
      { runtimeConfig: { bandwidth: { egressBurst: 1_000_000 } } },
      { ingressRate: 1_000_000, runtimeConfig: {} },
      { runtimeConfig: { mac: '01:00:00:00:00:01' } },
      { mac: '00:00:00:00:00:00' },
      { mac: 'x' },
      { sysctl: { 'net.core.somaxconn': 1 } },
      { sysctl: { 'net.core.somaxconn': '1\n2' } },
      { promisc: 'yes' },
      { txQLen: -1 },
      { runtimeConfig: { portMappings: [1, 2].map(containerPort => ({ hostPort: 80, containerPort })) } },
    ])
      expect(await addWith(change)).toBe(7)
    expect(await codeOf({ CNI_COMMAND: 'CHECK', ...endpoint }, whole)).toBe(7)
    expect(await codeOf({ CNI_COMMAND: 'GC' }, whole)).toBe(7)
  })

  test('taking away needs no more of a configuration than its name', async () => {
    const broken = { cniVersion: '1.1.0', name: 'net', type: 'natspace', ipam: 7, strange: true }
    expect(await codeOf({ CNI_COMMAND: 'DEL', ...endpoint, CNI_NETNS: '' }, broken)).toBe(11)
  })
})
