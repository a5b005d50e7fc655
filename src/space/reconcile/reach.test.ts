import { describe, expect, test } from 'bun:test'
import { article, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { FakeKernel } from '../../linux/fake.ts'
import {
  accept,
  drop,
  match,
  meta,
  type NftCommand,
  type Rule,
  rule,
  tcp,
} from '../../linux/nftables/index.ts'
import { status } from './status.ts'
import { newHost } from './test-support.ts'
import type { Blockade } from './types.ts'
import { up } from './up.ts'

const all = { host: 'yes', lan: 'yes', spaces: 'yes' } as const

/** A forward chain of somebody else. */
const forwardChain = (
  family: 'ip' | 'ip6' | 'inet',
  policy: 'accept' | 'drop',
  ...rules: Rule[]
): NftCommand[] => {
  const where = { family, table: 'filter' } as const
  return [
    { type: 'table.add', ...where },
    {
      type: 'chain.add',
      ...where,
      chain: { name: 'FORWARD', type: 'filter', hook: 'forward', priority: 0, policy },
    },
    ...rules.map((item): NftCommand => ({ type: 'rule.add', ...where, chain: 'FORWARD', rule: item })),
  ]
}

const withRules = (kernel: FakeKernel, commands: NftCommand[]): void => {
  const [outcome] = kernel.change([
    { type: 'nftables.commit', where: undefined, commands, generation: undefined },
  ])
  if (outcome !== 'done') throw outcome
}

const at = (hostAddress: string, port: number) => ({ ...publish(port), hostAddress })

test('who reaches a port follows from its address', async () => {
  const { kernel, context } = newHost()
  kernel.addLink('eth1', { address: '198.51.100.7/24' })
  await up(context, [spec('other', { gateway: '10.9.0.1/30' })])
  const publishes = [publish(8080, 80), at('127.0.0.1', 81), at('198.51.100.7', 82), at('10.9.0.1', 83)]
  await up(context, [spec('web', { publish: [...publishes, at('203.0.113.1', 84)] })])
  const [web] = status(context, ['web'])
  expect(web?.published).toEqual([
    { publish: '8080:80', reach: all, blockedBy: [] },
    { publish: '127.0.0.1:81', reach: { host: 'yes', lan: 'no', spaces: 'no' }, blockedBy: [] },
    { publish: '198.51.100.7:82', reach: all, blockedBy: [] },
    { publish: '10.9.0.1:83', reach: { host: 'yes', lan: 'no', spaces: 'yes' }, blockedBy: [] },
    {
      publish: '203.0.113.1:84',
      reach: { host: 'no', lan: 'no', spaces: 'no' },
      blockedBy: [],
      missing: '203.0.113.1',
    },
  ])
  expect(status(context, ['other'])[0]?.published).toEqual([])
})

describe('a firewall of somebody else', () => {
  const blockade = (rest: Partial<Blockade> = {}): Blockade => ({
    chain: 'ip filter FORWARD',
    rule: 'policy drop',
    owner: 'iptables',
    from: ['lan', 'spaces'],
    families: [4],
    ...rest,
  })

  test('that drops by policy keeps out everybody but this host', async () => {
    const { kernel, context } = newHost()
    withRules(kernel, forwardChain('ip', 'drop'))
    await up(context, [{ ...article, publish: [publish(8080, 80), at('127.0.0.1', 81)] }])
    expect(status(context)[0]?.published).toEqual([
      {
        publish: '8080:80',
        reach: { host: 'yes', lan: 'blocked', spaces: 'blocked' },
        blockedBy: [blockade()],
      },
      { publish: '127.0.0.1:81', reach: { host: 'yes', lan: 'no', spaces: 'no' }, blockedBy: [] },
    ])
  })

  test('may drop one port, or what comes from spaces, alone', async () => {
    const { kernel, context } = newHost()
    withRules(
      kernel,
      forwardChain(
        'ip',
        'accept',
        rule([match(tcp('dport'), 80), drop()]),
        rule([match(meta('iifname'), 'veth-b'), drop()]),
      ),
    )
    await up(context, [{ ...article, publish: [publish(8080, 80), publish(81)] }, spec('b')])
    const found = status(context, ['myspace'])[0]?.published
    expect(found?.map(({ reach }) => reach)).toEqual([
      { host: 'yes', lan: 'blocked', spaces: 'blocked' },
      { host: 'yes', lan: 'yes', spaces: 'blocked' },
    ])
    expect(found?.[0]?.blockedBy[0]).toEqual(blockade({ rule: 'tcp dport 80 drop' }))
    expect(found?.[1]?.blockedBy).toEqual([blockade({ rule: 'iifname "veth-b" drop', from: ['spaces'] })])
  })

  test('may drop one family', async () => {
    const { kernel, context } = newHost()
    kernel.addLink('eth1', { address: '2001:db8::5/64', gateway: '2001:db8::1' })
    withRules(kernel, forwardChain('ip6', 'drop'))
    await up(context, [spec('a', { publish: [publish(80), at('::1', 81), at('2001:db8::5', 82)] })])
    const found = status(context)[0]?.published
    expect(found?.map(({ reach }) => reach.lan)).toEqual(['partly', 'no', 'blocked'])
    expect(found?.[0]?.blockedBy).toEqual([blockade({ chain: 'ip6 filter FORWARD', families: [6] })])
  })

  test('may be one of iptables-legacy, of which the kernel tells nothing', async () => {
    const { kernel, context } = newHost()
    const { files } = kernel.machine
    files.makeFolder('/proc/net', 0o555)
    files.write('/proc/net/ip_tables_names', 'filter\n', 0o440)
    const rules = ['-P FORWARD ACCEPT', '-A FORWARD -o veth1 -j REJECT']
    kernel.addProgram('iptables-legacy', () => `${rules.join('\n')}\n`)
    await up(context, [article])
    expect(status(context)[0]?.published[0]).toEqual({
      publish: '8080:80',
      reach: { host: 'yes', lan: 'blocked', spaces: 'blocked' },
      blockedBy: [
        blockade({
          chain: 'iptables-legacy FORWARD',
          rule: '-A FORWARD -o veth1 -j REJECT',
          owner: 'iptables-legacy',
        }),
      ],
    })
  })

  test('that accepts it, or was told to, keeps nobody out', async () => {
    const { kernel, context } = newHost()
    withRules(kernel, forwardChain('inet', 'drop', rule([match(meta('oifname'), 'veth1'), accept()])))
    await up(context, [{ ...article, fixFirewall: true }])
    expect(status(context)[0]?.published[0]?.reach.lan).toBe('yes')
  })
})

test('nothing more is read where nothing is published', async () => {
  const { kernel, context } = newHost()
  withRules(kernel, forwardChain('ip', 'drop'))
  await up(context, [spec('a'), spec('b', { publish: [publish(80)] })])
  const filters: unknown[] = []
  const read = kernel.ruleset.bind(kernel)
  kernel.ruleset = (where, filter) => {
    filters.push(filter)
    return read(where, filter)
  }
  status(context, ['a'])
  expect(filters).toEqual([{ family: 'inet', table: 'natspace', elements: 'counted' }])
  status(context)
  expect(filters.slice(1)).toMatchObject([
    { family: 'inet', table: 'natspace' },
    { only: 'chains' },
    { family: 'ip', table: 'filter' },
  ])
})
