import { describe, expect, test } from 'bun:test'
import type { Change } from '../../linux/change.ts'
import { failingKernel } from '../../linux/failing.ts'
import type { FakeKernel } from '../../linux/fake.ts'
import {
  accept,
  dnat,
  ip,
  masquerade,
  match,
  meta,
  type NftCommand,
  type Rule,
  rule,
  tcp,
} from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import { down } from '../reconcile/down.ts'
import { status } from '../reconcile/status.ts'
import { killedKernel, meanwhile, newHost } from '../reconcile/test-support.ts'
import type { Context } from '../reconcile/types.ts'
import { adopt, planAdopt } from './adopt.ts'

const where = '/run/netns/web'

const chain = (
  table: string,
  name: string,
  base: { type: 'nat' | 'filter'; hook: 'prerouting' | 'postrouting' | 'forward'; priority: number },
  policy: 'accept' | 'drop',
  ...rules: Rule[]
): NftCommand[] => [
  { type: 'table.add', family: 'ip', table },
  { type: 'chain.add', family: 'ip', table, chain: { name, ...base, policy } },
  ...rules.map((item): NftCommand => ({ type: 'rule.add', family: 'ip', table, chain: name, rule: item })),
]

const rules: NftCommand[] = [
  ...chain(
    'nat',
    'post',
    { type: 'nat', hook: 'postrouting', priority: 100 },
    'accept',
    rule([match(ip('saddr'), '192.168.45.0/24'), match(meta('oifname'), 'eth0'), masquerade()]),
  ),
  ...chain(
    'nat',
    'pre',
    { type: 'nat', hook: 'prerouting', priority: -100 },
    'accept',
    rule([match(tcp('dport'), 8080), dnat('ip', { address: '192.168.45.3', port: 80 })]),
  ),
  ...chain(
    'filter',
    'fwd',
    { type: 'filter', hook: 'forward', priority: 0 },
    'drop',
    rule([match(meta('iifname'), 'v1'), accept()]),
    rule([match(meta('oifname'), 'v1'), accept()]),
  ),
]

const byHand: Change[] = [
  { type: 'directory.add', path: '/run/netns', mode: 0o755 },
  { type: 'namespace.add', path: where },
  {
    type: 'veth.add',
    where: undefined,
    name: 'v1',
    index: 20,
    address: '02:00:00:00:00:01',
    mtu: undefined,
    peer: { where, name: 'v2', index: 2, address: '02:00:00:00:00:02', mtu: undefined },
  },
  {
    type: 'address.add',
    where: undefined,
    name: 'v1',
    index: 20,
    address: '192.168.45.2',
    prefixLength: 24,
  },
  { type: 'link.set', where: undefined, name: 'v1', index: 20, up: true },
  { type: 'address.add', where, name: 'v2', index: 2, address: '192.168.45.3', prefixLength: 24 },
  { type: 'link.set', where, name: 'v2', index: 2, up: true },
  { type: 'route.add', where, name: 'v2', index: 2, destination: '0.0.0.0/0', gateway: '192.168.45.2' },
  { type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '1' },
  { type: 'nftables.commit', where: undefined, commands: rules, generation: undefined },
]

const connectedByHand = (): { kernel: FakeKernel; context: Context } => {
  const host = newHost()
  meanwhile(host.kernel, byHand)
  return host
}

/** What belongs to whoever connected the namespace: all but the settings of the cable. */
const theirs = (kernel: FakeKernel) => ({
  links: [undefined, where].map(place => kernel.links(place).map(({ counters, ...link }) => link)),
  addresses: [undefined, where].map(place => kernel.addresses(place).filter(item => item.family === 4)),
  routes: [undefined, where].map(place => kernel.routes(place).filter(item => item.family === 4)),
  tables: kernel.ruleset(undefined).tables.map(({ name, chains }) => ({
    name,
    chains: chains.map(item => [item.name, item.rules.length]),
  })),
})

const nothing = (context: Context) => down(context, ['nothing-of-that-name'])

test('the spec says what is there, and taking it over adds what is missing', async () => {
  const { kernel, context } = connectedByHand()
  const { handMade } = planAdopt(context, 'web')
  expect(handMade.spec).toMatchObject({
    address: '192.168.45.3',
    gateway: '192.168.45.2/24',
    hostInterface: 'v1',
    interface: 'v2',
    uplink: 'eth0',
    publish: [{ protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } }],
    ipv6: 'off',
    host: 'all',
    fixFirewall: true,
  })
  expect(handMade.redundant).toHaveLength(4)
  const before = theirs(kernel)
  await adopt(context, 'web')
  expect(status(context).map(({ name, healthy }) => ({ name, healthy }))).toEqual([
    { name: 'web', healthy: true },
  ])
  expect(kernel.links(undefined).find(({ name }) => name === 'v1')).toMatchObject({
    index: 20,
    address: '02:00:00:00:00:01',
    alias: 'natspace:web',
  })
  const { links, tables, ...rest } = theirs(kernel)
  expect(rest).toEqual({ addresses: before.addresses, routes: before.routes })
  expect(tables.filter(({ name }) => name !== 'natspace')).toEqual(before.tables)
})

test('with replace the rules go, and what they let pass is let pass by others', async () => {
  const { kernel, context } = connectedByHand()
  const result = await adopt(context, 'web', { replace: true })
  expect(result?.removed).toHaveLength(4)
  const forward = kernel.ruleset(undefined).tables.find(({ name }) => name === 'filter')?.chains[0]
  expect(forward?.rules.map(({ comment }) => comment)).toEqual(['natspace:web', 'natspace:web'])
  expect(status(context)[0]?.healthy).toBe(true)
})

describe('a change that is refused', () => {
  for (const replace of [false, true])
    test(`leaves everything as it was${replace ? ', but for the last: then the rules stay' : ''}`, async () => {
      let refused = 0
      for (let at = 1; ; at++) {
        const { kernel, context } = connectedByHand()
        const before = kernel.snapshot()
        const failing = failingKernel(kernel, { at })
        try {
          await adopt({ ...context, kernel: failing }, 'web', { replace })
          break
        } catch (error) {
          if (!(error instanceof NatspaceError)) throw error
          refused++
        }
        const isManaged = kernel.readFolder(context.paths.spaces)?.includes('web.json') === true
        if (isManaged) {
          expect(replace).toBe(true)
          expect(status(context)[0]?.healthy).toBe(true)
          expect(planAdoptCode(context)).toBe('ALREADY_MANAGED')
        } else expect({ at, state: kernel.snapshot() }).toEqual({ at, state: before })
      }
      expect(refused).toBeGreaterThan(10)
    })
})

const planAdoptCode = (context: Context): string | undefined => {
  try {
    planAdopt(context, 'web')
    return undefined
  } catch (error) {
    return error instanceof NatspaceError ? error.code : String(error)
  }
}

/** How many times something is sent before the mark. */
const sendsBeforeMark = async (): Promise<number> => {
  const { kernel, context } = connectedByHand()
  const counting = killedKernel(kernel, Number.POSITIVE_INFINITY)
  const isMark = (change: Change) => change.type === 'link.set' && change.alias !== undefined
  let sends = 0
  const watched = new Proxy(counting, {
    get(target, key) {
      if (key !== 'change') return Reflect.get(target, key, target)
      return (changes: readonly Change[]) => {
        if (changes.some(isMark)) sends = target.tried
        return target.change(changes)
      }
    },
  })
  await adopt({ ...context, kernel: watched }, 'web')
  return sends
}

test('when all is done but the mark, down leaves the cable to whoever made it', async () => {
  const { kernel, context } = connectedByHand()
  const before = theirs(kernel)
  const sends = await sendsBeforeMark()
  expect(sends).toBeGreaterThan(10)
  await expect(adopt({ ...context, kernel: killedKernel(kernel, sends + 1) }, 'web')).rejects.toThrow()
  expect(status(context).map(({ name, healthy }) => ({ name, healthy }))).toEqual([
    { name: 'web', healthy: false },
  ])
  await down(context, ['web'])
  expect(theirs(kernel)).toEqual(before)
  expect(kernel.readFolder(context.paths.root)).toBeUndefined()
})

test('whoever is killed at it never takes the cable of others along', async () => {
  let points = 0
  for (let at = 1; ; at++) {
    const { kernel, context } = connectedByHand()
    const before = theirs(kernel)
    const killed = killedKernel(kernel, at)
    try {
      await adopt({ ...context, kernel: killed }, 'web')
      break
    } catch (error) {
      if (killed.tried < at) throw error
    }
    points++
    await nothing(context)
    const isMarked = kernel.links(undefined).some(({ alias }) => alias === 'natspace:web')
    // Only when all else is done it becomes ours, and then it can be gone on with.
    if (isMarked) expect(status(context).map(({ name }) => name)).toEqual(['web'])
    else {
      const record = kernel.readFolder(context.paths.spaces)?.includes('web.json') === true
      if (!record) expect({ at, found: theirs(kernel) }).toEqual({ at, found: before })
      await adopt(context, 'web')
      expect(status(context)[0]?.healthy).toBe(true)
    }
  }
  expect(points).toBeGreaterThan(10)
})
