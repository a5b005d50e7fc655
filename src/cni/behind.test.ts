import { describe, expect, test } from 'bun:test'
import { randomNumbers } from '../../test/support/mutation.ts'
import { FakeKernel } from '../linux/fake.ts'
import { NatspaceError } from '../space/errors.ts'
import { statePaths } from '../space/state/records.ts'
import { cniCode } from './error.ts'
import { runPlugin } from './plugin.ts'

const path = '/run/netns/c1'

/** A host on which ptp has connected a container: `cut` has the host end in another namespace, as with macvlan. */
const newStage = (cut = false) => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
  const outer = { where: cut ? '/run/netns/far' : undefined, name: 'ptp0', index: 10 }
  const inner = { where: path, name: 'eth0', index: 2 }
  const outcomes = kernel.change([
    { type: 'directory.add', path: '/run/netns', mode: 0o755 },
    ...[path, '/run/netns/far'].map(name => ({ type: 'namespace.add', path: name }) as const),
    {
      ...{ type: 'veth.add', ...outer, address: '02:00:00:00:00:01', mtu: undefined },
      peer: { ...inner, address: '02:00:00:00:00:02', mtu: undefined },
    },
    { type: 'address.add', ...outer, address: '10.77.0.1', prefixLength: 32 },
    { type: 'address.add', ...inner, address: '10.77.0.2', prefixLength: 24 },
    { type: 'link.set', ...inner, up: true },
    { type: 'link.set', ...outer, up: true },
    { type: 'route.add', ...outer, destination: '10.77.0.2/32', gateway: undefined },
  ])
  expect(new Set(outcomes)).toEqual(new Set(['done']))
  return { kernel, start: kernel.snapshot() }
}

const previous = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'ptp0', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: path },
  ],
  ips: [{ address: '10.77.0.2/24', gateway: '10.77.0.1', interface: 1 }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: { nameservers: ['192.0.2.1'] },
}
const whole = {
  cniVersion: '1.1.0',
  name: 'net',
  type: 'natspace',
  mtu: 1400,
  sysctl: { 'net.ipv4.ip_default_ttl': '99' },
  runtimeConfig: {
    portMappings: [{ hostPort: 8080, containerPort: 80 }],
    bandwidth: { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 2e6, egressBurst: 1e6 },
    mac: '02:00:00:00:00:42',
  },
  prevResult: previous,
}

const send = async (kernel: FakeKernel, command: string, configuration: unknown) => {
  const { text, status } = await runPlugin({
    environment: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: path,
      CNI_IFNAME: 'eth0',
    },
    read: () => JSON.stringify(configuration) ?? '',
    open: () => ({ kernel, paths: statePaths(), lockPatience: 0, [Symbol.dispose]() {} }),
    warn: () => {},
    explain: async error => {
      if (error instanceof NatspaceError) return error
      throw error
    },
  })
  return { status, answer: text === '' ? {} : JSON.parse(text) }
}

describe('behind another plugin', () => {
  test('the result is handed on with what has changed, CHECK is content, and DEL leaves what was there', async () => {
    const { kernel, start } = newStage()
    const { status, answer } = await send(kernel, 'ADD', whole)
    expect({ status, answer }).toEqual({
      status: 0,
      answer: {
        ...previous,
        interfaces: [
          previous.interfaces[0],
          { ...previous.interfaces[1], mac: '02:00:00:00:00:42', mtu: 1400 },
        ],
      },
    })
    expect((await send(kernel, 'CHECK', { ...whole, prevResult: answer })).answer).toEqual({})
    expect((await send(kernel, 'ADD', whole)).answer.code).toBe(cniCode.alreadyAttached)
    expect((await send(kernel, 'DEL', { ...whole, prevResult: answer })).status).toBe(0)
    expect(kernel.snapshot()).toEqual(start)
  })

  test('what is not there, or cannot be done there, is refused before anything is changed', async () => {
    const { kernel, start } = newStage()
    const { sysctl: _, mtu: __, runtimeConfig: ___, ...bare } = whole
    const cases: [object, number][] = [
      [{ prevResult: { ...previous, ips: [{ address: '10.77.0.9/24', interface: 1 }] } }, 7],
      [{ runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 1, hostIP: '::1' }] } }, 2],
      [{ runtimeConfig: { ips: ['10.77.0.3'] } }, 2],
      [{ ipam: { type: 'host-local' } }, 2],
      [{ host: 'dns' }, 2],
      [{ noMasquerade: ['10.0.0.0/8'] }, 2],
      [{ sysctl: { 'kernel.hostname': 'x' } }, 2],
    ]
    for (const [change, code] of cases)
      expect([change, (await send(kernel, 'ADD', { ...bare, ...change })).answer.code]).toEqual([
        change,
        code,
      ])
    expect(kernel.snapshot()).toEqual(start)
    // Lists and objects that are empty ask for nothing.
    const { status } = await send(kernel, 'ADD', { ...bare, ipam: {}, runtimeConfig: { ips: [] } })
    expect(status).toBe(0)
  })

  test('ports and limits need a way and an end on this host; settings do not', async () => {
    const { kernel, start } = newStage(true)
    const { runtimeConfig, ...rest } = whole
    for (const [key, value] of Object.entries(runtimeConfig)) {
      const { status, answer } = await send(kernel, 'ADD', { ...rest, runtimeConfig: { [key]: value } })
      if (key === 'mac') expect(status).toBe(0)
      else expect(answer).toMatchObject({ code: 2, msg: expect.stringContaining(key) })
    }
    expect((await send(kernel, 'DEL', rest)).status).toBe(0)
    expect(kernel.snapshot()).toEqual(start)
  })
})

test('mutated requests behind another plugin give nothing but errors of the specification, and leave nothing', async () => {
  const below = randomNumbers(20261123)
  const random = () => below(1000) / 1000
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const nasty = [
    null,
    true,
    -1,
    0,
    1.5,
    '',
    'x',
    'eth0',
    'ptp0',
    '10.77.0.2',
    '::/0',
    [],
    {},
    [{}],
    [[1]],
    '\u0000',
  ]
  const mutate = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || random() < 0.15) return pick(nasty)
    if (Array.isArray(value)) return value.map(item => (random() < 0.5 ? mutate(item) : item))
    const entries = Object.entries(value)
    const [key] = pick(entries.length > 0 ? entries : [['x', 0]])
    return Object.fromEntries(entries.map(([name, item]) => [name, name === key ? mutate(item) : item]))
  }
  const { kernel, start } = newStage()
  const numbers = new Set<unknown>(Object.values(cniCode).filter(code => code !== cniCode.internal))
  let successes = 0
  for (let count = 0; count < 250; count++) {
    const { prevResult, ...rest } = whole
    const changed = random() < 0.5 ? { ...rest, prevResult: mutate(prevResult) } : mutate(whole)
    const { status, answer } = await send(kernel, 'ADD', changed)
    if (status === 0) successes++
    else expect({ changed, known: numbers.has(answer.code) }).toEqual({ changed, known: true })
    const { name } = { ...(changed as { name?: unknown } | null) }
    if (status === 0) await send(kernel, 'DEL', { cniVersion: '1.1.0', name, type: 'natspace' })
    expect(kernel.snapshot()).toEqual(start)
  }
  expect(successes).toBeGreaterThan(5)
}, 60_000)
