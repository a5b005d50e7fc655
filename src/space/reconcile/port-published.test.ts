import { describe, expect, test } from 'bun:test'
import { article, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { FakeKernel } from '../../linux/fake.ts'
import {
  accept,
  dnat,
  fib,
  ip,
  match,
  meta,
  type NftCommand,
  type Rule,
  redirect,
  rule,
  tcp,
} from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import { newHost } from './test-support.ts'
import type { Context } from './types.ts'
import { up } from './up.ts'

const target = { address: '172.17.0.2', port: 80 }
const local = match(fib(['daddr'], 'type'), 'local')

/** A NAT chain of somebody else. */
const natChain = (table: string, chain: string, ...rules: Rule[]): NftCommand[] => {
  const where = { family: 'ip', table } as const
  return [
    { type: 'table.add', ...where },
    {
      type: 'chain.add',
      ...where,
      chain: { name: chain, type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
    },
    ...rules.map((item): NftCommand => ({ type: 'rule.add', ...where, chain, rule: item })),
  ]
}

const withRules = (kernel: FakeKernel, commands: NftCommand[]): void => {
  const [outcome] = kernel.change([
    { type: 'nftables.commit', where: undefined, commands, generation: undefined },
  ])
  if (outcome !== 'done') throw outcome
}

const fault = (context: Context, ...publishes: ReturnType<typeof publish>[]): Promise<NatspaceError> =>
  up(context, [spec('web', { publish: publishes })]).then(
    () => {
      throw new Error('It was published')
    },
    error => {
      if (error instanceof NatspaceError) return error
      throw error
    },
  )

const leads8080 = rule([match(tcp('dport'), 8080), local, dnat('ip', target)], 'docker container')

describe('a port that somebody else publishes', () => {
  test('is found at the far end of a long range too', async () => {
    const { kernel, context } = newHost()
    withRules(kernel, natChain('nat', 'pre', leads8080))
    const { code, why } = await fault(context, publish({ first: 1024, last: 65_535 }))
    expect(code).toBe('PORT_TAKEN')
    expect(why).toContain('leads 192.168.1.32:8080/tcp to 172.17.0.2:80 already')
    await up(context, [
      spec('web', {
        publish: [publish({ first: 1024, last: 8079 }), publish({ first: 8081, last: 60_000 })],
      }),
    ])
  })

  test('is refused with the name of who does, and nothing changes', async () => {
    const { kernel, context } = newHost()
    withRules(kernel, natChain('netavark', 'NETAVARK-HOSTPORT-DNAT', leads8080))
    const before = kernel.snapshot()
    const { code, exit, what, why, evidence, fix } = await fault(context, publish(8080, 81))
    expect([code, exit, what]).toEqual(['PORT_TAKEN', 2, 'cannot publish 8080:81 for web'])
    expect(why).toMatch(/^a rule of Podman \(netavark\) leads [\d.]+:8080\/tcp to 172\.17\.0\.2:80 already$/)
    expect(evidence[0]).toStartWith('chain ip netavark NETAVARK-HOSTPORT-DNAT (prerouting): tcp dport 8080 ')
    expect(fix).toEqual([
      'choose another port of the host',
      'or take it away there: podman ps shows the container',
    ])
    expect(kernel.snapshot()).toEqual(before)
  })

  test('is found in the middle of a range, and where it is redirected', async () => {
    const { kernel, context } = newHost()
    withRules(kernel, natChain('theirs', 'pre', rule([match(tcp('dport'), 9005), local, redirect(3128)])))
    const { why, fix } = await fault(context, publish({ first: 9000, last: 9010 }, 1000))
    expect(why).toMatch(/^a rule of nftables leads [\d.]+:9005\/tcp to port 3128 of this host already$/)
    expect(fix[1]).toBe('or take it away there: nft -a list chain ip theirs pre')
  })

  test('at one address is refused where that address is meant', async () => {
    const { kernel, context } = newHost()
    kernel.addLink('eth1', { address: '198.51.100.7/24' })
    const at = rule([match(ip('daddr'), '198.51.100.7'), match(tcp('dport'), 80), dnat('ip', target)])
    withRules(kernel, natChain('theirs', 'pre', at))
    expect((await fault(context, publish(80))).why).toContain('198.51.100.7:80/tcp')
    const elsewhere = { ...publish(80), hostAddress: '192.168.1.32' }
    await up(context, [spec('web', { publish: [elsewhere] })])
  })
})

describe('a port is free', () => {
  const cases: [string, Rule][] = [
    ['of another number', rule([match(tcp('dport'), 8081), local, dnat('ip', target)])],
    ['of another protocol', rule([match(meta('l4proto'), 'udp'), local, dnat('ip', target)])],
    ['that others accept', rule([match(tcp('dport'), 8080), accept()])],
    [
      'where only some clients are led elsewhere',
      rule([match(ip('saddr'), '10.1.0.0/16'), match(tcp('dport'), 8080), dnat('ip', target)]),
    ],
    [
      'where what comes by another link is',
      rule([match(meta('iifname'), 'wlan0'), match(tcp('dport'), 8080), dnat('ip', target)]),
    ],
  ]
  for (const [title, other] of cases)
    test(title, async () => {
      const { kernel, context } = newHost()
      withRules(kernel, natChain('theirs', 'pre', other))
      await up(context, [article])
    })

  test('that the space has already, whoever came meanwhile', async () => {
    const { kernel, context } = newHost()
    await up(context, [article])
    withRules(kernel, natChain('theirs', 'pre', leads8080))
    expect((await up(context, [article])).changes).toBe(0)
    await expect(up(context, [spec('web', { publish: [publish(8080, 81)] })])).rejects.toThrow()
  })
})

test('rules are read of tables with a NAT chain only, and of none where nothing new is published', async () => {
  const { kernel, context } = newHost()
  withRules(kernel, [
    { type: 'table.add', family: 'ip', table: 'other' },
    {
      type: 'chain.add',
      family: 'ip',
      table: 'other',
      chain: { name: 'in', type: 'filter', hook: 'input', priority: 0, policy: 'accept' },
    },
  ])
  const read: (string | undefined)[] = []
  const ruleset = kernel.ruleset.bind(kernel)
  kernel.ruleset = (where, filter) => {
    read.push(filter?.table)
    return ruleset(where, filter)
  }
  await up(context, [article])
  expect(new Set(read)).toEqual(new Set(['natspace', undefined]))
  withRules(kernel, natChain('theirs', 'pre', leads8080))
  await up(context, [article])
  expect(read).not.toContain('theirs')
  await up(context, [{ ...article, publish: [...article.publish, publish(443)] }])
  expect(read).toContain('theirs')
  expect(read).not.toContain('other')
})
