import { describe, expect, test } from 'bun:test'
import { article, spec } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { failingKernel } from '../../linux/failing.ts'
import type { FakeKernel } from '../../linux/fake.ts'
import {
  accept,
  ct,
  drop,
  goTo,
  inSet,
  ip,
  jump,
  leave,
  match,
  meta,
  type NftCommand,
  type Rule,
  reject,
  rule,
  rulesetText,
  type Statement,
} from '../../linux/nftables/index.ts'
import { ProgramError } from '../../linux/program.ts'
import { down } from '../reconcile/down.ts'
import { status } from '../reconcile/status.ts'
import { meanwhile, newHost } from '../reconcile/test-support.ts'
import { planUp, up } from '../reconcile/up.ts'

/** Other people's firewalls on a host in memory: what is noticed, what is done about it, and that all of it goes again. */

type Family = 'ip' | 'ip6' | 'inet'

/** Chains by name; those with a policy are base chains of the hook forward. */
const firewall = (
  family: Family,
  table: string,
  chains: Record<string, { policy?: 'accept' | 'drop'; rules?: (Statement[] | Rule)[] }>,
): Change => ({
  type: 'nftables.commit',
  where: undefined,
  generation: undefined,
  commands: [
    { type: 'table.add', family, table },
    ...Object.entries(chains).map(
      ([name, { policy }]): NftCommand => ({
        type: 'chain.add',
        family,
        table,
        chain:
          policy === undefined ? { name } : { name, hook: 'forward', type: 'filter', priority: 0, policy },
      }),
    ),
    ...Object.entries(chains).flatMap(([chain, { rules = [] }]) =>
      rules.map(
        (item): NftCommand => ({
          type: 'rule.add',
          family,
          table,
          chain,
          rule: Array.isArray(item) ? rule(item) : item,
        }),
      ),
    ),
  ],
})

const hostWith = (...changes: Change[]) => {
  const host = newHost()
  meanwhile(host.kernel, changes)
  return { ...host, start: host.kernel.snapshot() }
}

const fixed = { ...article, fixFirewall: true }

/** The rules of a chain as nft prints them, without counters. */
const rulesOf = (kernel: FakeKernel, table: string, chain: string): string[] => {
  const { tables, generation } = kernel.ruleset(undefined)
  const found = tables.filter(({ name }) => name === table)
  const text = rulesetText({ generation, tables: found })
  const lines = text.split(`chain ${chain} {`)[1]?.split('\t}')[0]?.split('\n') ?? []
  return lines
    .map(line => line.trim().replace(/counter packets \d+ bytes \d+ /, ''))
    .filter(line => line !== '' && !line.startsWith('type '))
}

const outRule = 'iifname "veth1" oifname "eth0" accept comment "natspace:myspace"'
const inRule = 'iifname "eth0" oifname "veth1" accept comment "natspace:myspace"'
const established = [match(ct('state'), ['established', 'related']), accept()]

describe('rules in the chains of others', () => {
  const policy = () => hostWith(firewall('ip', 'filter', { FORWARD: { policy: 'drop' } }))

  test('a policy that drops is a warning with the chain and its owner, and nothing is touched', async () => {
    const { kernel, context } = policy()
    const { plan } = await up(context, [article])
    expect(plan.warnings).toMatchObject([
      {
        code: 'FORWARD_DROP',
        space: 'myspace',
        why: 'chain ip filter FORWARD (iptables) drops it by policy',
        what: 'the firewall of this host may drop what myspace sends',
        evidence: [
          'chain FORWARD { type filter hook forward; policy drop; }',
          'dropped there: what myspace sends, the answers to myspace, what comes to the published ports of myspace and the answers of the published ports of myspace',
        ],
      },
    ])
    expect(rulesOf(kernel, 'filter', 'FORWARD')).toEqual([])
    expect(status(context)[0]?.drift).toEqual([])
  })

  test('the remedy is appended, is there once, is missed when it is gone, and goes with the space', async () => {
    const { kernel, context, start } = policy()
    expect((await up(context, [fixed])).plan.warnings).toEqual([])
    expect(rulesOf(kernel, 'filter', 'FORWARD').toSorted()).toEqual([inRule, outRule])
    expect((await up(context, [fixed])).changes).toBe(0)
    meanwhile(kernel, [
      {
        type: 'nftables.commit',
        where: undefined,
        generation: undefined,
        commands: [{ type: 'chain.flush', family: 'ip', table: 'filter', chain: 'FORWARD' }],
      },
    ])
    expect(status(context)[0]?.drift).toMatchObject([
      { resource: 'chain ip filter FORWARD (iptables)', found: 'drops it by policy' },
    ])
    await up(context, [fixed])
    expect(rulesOf(kernel, 'filter', 'FORWARD')).toHaveLength(2)
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('only the way that is blocked is opened, in front of the rule that blocks it', async () => {
    const { kernel, context } = hostWith(
      firewall('inet', 'admin', {
        pass: { policy: 'accept', rules: [established, [match(meta('oifname'), 'eth0'), reject()]] },
      }),
    )
    const { plan } = await up(context, [article])
    expect(plan.warnings[0]?.why).toBe(
      'chain inet admin pass (nftables) drops it by the rule: oifname "eth0" reject',
    )
    await up(context, [fixed])
    expect(rulesOf(kernel, 'admin', 'pass')).toEqual([
      'ct state established,related accept',
      outRule,
      'oifname "eth0" reject',
    ])
  })

  test('where several rules drop one way, the first of them is what counts', async () => {
    const { kernel, context } = hostWith(
      firewall('inet', 'admin', {
        pass: {
          policy: 'drop',
          rules: [[match(ct('state'), 'established'), match(meta('oifname'), 'veth1'), drop()]],
        },
      }),
    )
    await up(context, [fixed])
    expect(rulesOf(kernel, 'admin', 'pass')).toEqual([
      inRule,
      'ct state established oifname "veth1" drop',
      outRule,
    ])
  })

  test('a list of addresses is looked into before a drop is believed', () => {
    const listed = (...elements: string[]): Change => {
      const set = { name: 'lan', key: ['ipv4_addr'] }
      const target = { family: 'inet', table: 'admin' } as const
      return {
        type: 'nftables.commit',
        where: undefined,
        generation: undefined,
        commands: [
          { type: 'table.add', ...target },
          { type: 'set.add', ...target, set },
          { type: 'element.add', ...target, set, elements: elements.map(key => ({ key: [key] })) },
          {
            type: 'chain.add',
            ...target,
            chain: { name: 'pass', hook: 'forward', type: 'filter', priority: 0, policy: 'drop' },
          },
          {
            type: 'rule.add',
            ...target,
            chain: 'pass',
            rule: rule([match(ip('saddr'), inSet('lan')), accept()]),
          },
          { type: 'rule.add', ...target, chain: 'pass', rule: rule(established) },
        ],
      }
    }
    const silent = { ...article, publish: [] }
    expect(planUp(hostWith(listed('192.168.45.3')).context, [silent]).warnings).toEqual([])
    expect(planUp(hostWith(listed('192.168.45.4')).context, [silent]).warnings).toHaveLength(1)
  })

  test('a drop behind a jump is met in the base chain', async () => {
    const { kernel, context } = hostWith(
      firewall('ip', 'filter', {
        FORWARD: { policy: 'accept', rules: [established, [jump('last')]] },
        last: { rules: [[drop()]] },
      }),
    )
    const { plan } = await up(context, [article])
    expect(plan.warnings[0]?.evidence).toContain('chain last { drop }')
    await up(context, [fixed])
    expect(rulesOf(kernel, 'filter', 'FORWARD')).toEqual([
      'ct state established,related accept',
      outRule,
      inRule,
      'jump last',
    ])
    expect(rulesOf(kernel, 'filter', 'last')).toEqual(['drop'])
  })

  test('Docker has a chain for that, and the rules stand before its end', async () => {
    const { kernel, context, start } = hostWith(
      firewall('ip', 'filter', {
        FORWARD: { policy: 'drop', rules: [[jump('DOCKER-USER')]] },
        'DOCKER-USER': { rules: [[match(meta('iifname'), 'eth7'), drop()], [leave()]] },
      }),
    )
    expect((await up(context, [article])).plan.warnings[0]?.why).toContain('(Docker)')
    await up(context, [fixed])
    expect(rulesOf(kernel, 'filter', 'DOCKER-USER')).toEqual([
      'iifname "eth7" drop',
      outRule,
      inRule,
      'return',
    ])
    expect(rulesOf(kernel, 'filter', 'FORWARD')).toEqual(['jump DOCKER-USER'])
    await down(context, ['myspace'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('rules that came to stand behind a drop are moved before it', async () => {
    const { kernel, context } = policy()
    await up(context, [fixed])
    meanwhile(kernel, [
      {
        type: 'nftables.commit',
        where: undefined,
        generation: undefined,
        commands: [
          { type: 'rule.insert', family: 'ip', table: 'filter', chain: 'FORWARD', rule: rule([drop()]) },
        ],
      },
    ])
    await up(context, [fixed])
    expect(rulesOf(kernel, 'filter', 'FORWARD').slice(0, 2).toSorted()).toEqual([inRule, outRule])
    expect(rulesOf(kernel, 'filter', 'FORWARD').slice(2)).toEqual(['drop'])
  })

  test('what concerns others only, or accepts in the end, is no obstacle', async () => {
    const { context } = hostWith(
      firewall('inet', 'admin', {
        pass: { policy: 'accept', rules: [[match(meta('iifname'), 'eth9'), drop()]] },
        unused: { rules: [[drop()]] },
      }),
      firewall('ip6', 'filter', { FORWARD: { policy: 'drop' } }),
    )
    expect(planUp(context, [article]).warnings).toEqual([])
  })

  test('the table of one process is left alone, and the user told', async () => {
    const { context } = hostWith({
      type: 'nftables.commit',
      where: undefined,
      generation: undefined,
      commands: [
        { type: 'table.add', family: 'inet', table: 'guarded', flags: ['owner'] },
        {
          type: 'chain.add',
          family: 'inet',
          table: 'guarded',
          chain: { name: 'pass', hook: 'forward', type: 'filter', priority: 0, policy: 'drop' },
        },
      ],
    })
    const plan = planUp(context, [fixed])
    expect(plan.warnings[0]?.why).toContain('belongs to one process')
    expect(plan.operations.filter(({ step }) => step === 'forward')).toEqual([])
  })
})

/** A ufw that keeps its rules in its files as the real one does, and its chains as it is told. */
const addUfw = (kernel: FakeKernel): string[][] => {
  const calls: string[][] = []
  const path = '/etc/ufw/user.rules'
  const { files } = kernel.machine
  files.makeFolder('/etc/ufw', 0o755)
  files.write(path, '*filter\n', 0o640)
  kernel.addProgram('ufw', words => {
    calls.push([...words])
    const text = words.join(' ')
    const interfaces = [/in on (\S+)/.exec(text)?.[1], /out on (\S+)/.exec(text)?.[1]]
    const tuple = interfaces
      .flatMap((name, i) => (name === undefined ? [] : `${i ? 'out' : 'in'}_${name}`))
      .join('!')
    const comment = Buffer.from(/comment (\S+)/.exec(text)?.[1] ?? '').toString('hex')
    const line = `### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 ${tuple} comment=`
    const before = files.read(path) ?? ''
    files.write(
      path,
      words[1] === 'delete'
        ? before
            .split('\n')
            .filter(item => !item.startsWith(line))
            .join('\n')
        : `${before}${line}${comment}\n`,
      0o640,
    )
    return ''
  })
  return calls
}

const ufwChains = firewall('ip', 'filter', {
  FORWARD: { policy: 'drop', rules: [[jump('ufw-before-forward')]] },
  'ufw-before-forward': { rules: [established, [jump('ufw-user-forward')]] },
  'ufw-user-forward': {},
})

describe('ufw', () => {
  const hostWithUfw = () => {
    const host = newHost()
    const calls = addUfw(host.kernel)
    meanwhile(host.kernel, [ufwChains])
    return { ...host, calls, start: host.kernel.snapshot() }
  }

  test('its front end is asked, for the ways that are blocked, and asked to take it back', async () => {
    const { kernel, context, calls, start } = hostWithUfw()
    const { plan } = await up(context, [fixed])
    expect(calls.map(words => words.join(' '))).toEqual([
      'route allow in on veth1 out on eth0 comment natspace:myspace',
      'route allow in on eth0 out on veth1 comment natspace:myspace',
    ])
    expect(plan.operations.slice(-3).map(({ change }) => change.type)).toEqual([
      'program.run',
      'program.run',
      'sysctl.set',
    ])
    await down(context, ['myspace'])
    expect(calls.slice(2).map(words => words.join(' '))).toEqual([
      'route delete allow in on veth1 out on eth0',
      'route delete allow in on eth0 out on veth1',
    ])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('a space that publishes nothing needs no way in', async () => {
    const { context, calls } = hostWithUfw()
    await up(context, [spec('a', { fixFirewall: true })])
    expect(calls).toEqual([['route', 'allow', 'in', 'on', 'veth-a', 'comment', 'natspace:a']])
  })

  test('a rule that is there and does not help is not added twice, and the user is told', async () => {
    const { context, calls } = hostWithUfw()
    await up(context, [fixed])
    const again = await up(context, [fixed])
    expect(again.changes).toBe(0)
    expect(calls).toHaveLength(2)
    expect(again.plan.warnings[0]?.why).toContain('another rule comes first')
    expect(status(context)[0]?.drift).toEqual([])
  })

  test('what ufw was told to drop stays dropped, and the user is told', () => {
    const { context } = hostWith(
      firewall('ip', 'filter', {
        FORWARD: { policy: 'drop', rules: [[jump('ufw-user-forward')]] },
        'ufw-user-forward': { rules: [[match(meta('iifname'), 'veth1'), drop()]] },
      }),
    )
    const plan = planUp(context, [{ ...fixed, publish: [] }])
    expect(plan.operations.filter(({ change }) => change.type === 'program.run')).toHaveLength(1)
    expect(plan.warnings).toMatchObject([{ why: expect.stringContaining('ufw was told to') }])
  })

  test('whichever change fails, all is as it was', async () => {
    const counting = hostWithUfw()
    const counter = failingKernel(counting.kernel, { at: Number.POSITIVE_INFINITY })
    await up({ ...counting.context, kernel: counter }, [fixed])
    for (let at = 1; at <= counter.tried; at++) {
      const { kernel, context, start } = hostWithUfw()
      await expect(up({ ...context, kernel: failingKernel(kernel, { at }) }, [fixed])).rejects.toThrow()
      expect(kernel.snapshot()).toEqual(start)
    }
  })

  test('without its front end the words say so, and nothing is left', async () => {
    const { kernel, context, start } = hostWith(ufwChains)
    await expect(up(context, [fixed])).rejects.toMatchObject({
      code: 'APPLY_FAILED',
      what: 'cannot change the firewall by ufw',
      why: 'ufw: not installed',
    })
    expect(kernel.snapshot()).toEqual(start)
  })
})

describe('firewalld', () => {
  const chains = (...dispatch: Statement[][]) =>
    firewall('inet', 'firewalld', {
      filter_FORWARD: {
        policy: 'accept',
        rules: [
          established,
          [match(ct('status'), 'dnat'), accept()],
          [jump('filter_FORWARD_ZONES')],
          [reject()],
        ],
      },
      filter_FORWARD_ZONES: { rules: [...dispatch, [goTo('filter_FWD_public')]] },
      filter_FWD_public: { rules: [[reject()]] },
      filter_FWD_trusted: { rules: [[accept()]] },
    })
  const commands = (plan: { operations: readonly { change: Change }[] }) =>
    plan.operations.flatMap(({ change }) =>
      change.type === 'program.run' ? `${change.program} ${change.arguments.join(' ')}` : [],
    )

  test('the cable is bound to a zone that forwards', () => {
    const { context } = hostWith(chains())
    expect(planUp(context, [article]).warnings).toMatchObject([
      {
        why: expect.stringContaining(
          'chain inet firewalld filter_FORWARD (firewalld) drops it by the rule: reject',
        ),
      },
    ])
    expect(commands(planUp(context, [fixed]))).toEqual(['firewall-cmd --zone=trusted --add-interface=veth1'])
    const bound = hostWith(chains([match(meta('iifname'), 'veth1'), goTo('filter_FWD_trusted')]))
    expect(commands(planUp(bound.context, [fixed]))).toEqual([])
  })

  test('a binding that an administrator made for good is neither changed nor taken away', async () => {
    const zone = (where: string): Change[] => [
      { type: 'directory.add', path: '/etc/firewalld', mode: 0o750 },
      { type: 'directory.add', path: '/etc/firewalld/zones', mode: 0o750 },
      {
        type: 'file.write',
        path: `/etc/firewalld/zones/${where}.xml`,
        text: '<zone><interface name="veth1"/></zone>',
        mode: 0o644,
      },
    ]
    const blocked = hostWith(chains(), ...zone('public'))
    const plan = planUp(blocked.context, [fixed])
    expect(commands(plan)).toEqual([])
    expect(plan.warnings[0]?.why).toContain('veth1 is bound to a zone in /etc/firewalld')
    const { kernel, context, start } = hostWith(
      chains([match(meta('iifname'), 'veth1'), goTo('filter_FWD_trusted')]),
      ...zone('trusted'),
    )
    await up(context, [fixed])
    expect((await down(context, ['myspace'])).problems).toEqual([])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('where it forwards strictly, published ports are left to it, and the user is told', () => {
    const strict = firewall('inet', 'firewalld', {
      filter_FORWARD: { policy: 'accept', rules: [established, [jump('filter_FORWARD_ZONES')], [reject()]] },
      filter_FORWARD_ZONES: {
        rules: [[match(meta('iifname'), 'veth1'), goTo('filter_FWD_trusted')], [goTo('filter_FWD_public')]],
      },
      filter_FWD_public: { rules: [[reject()]] },
      filter_FWD_trusted: { rules: [[accept()]] },
    })
    const { context } = hostWith(
      strict,
      { type: 'directory.add', path: '/etc/firewalld', mode: 0o750 },
      {
        type: 'file.write',
        path: '/etc/firewalld/firewalld.conf',
        text: '# StrictForwardPorts\nStrictForwardPorts=yes\n',
        mode: 0o644,
      },
    )
    const plan = planUp(context, [fixed])
    expect(commands(plan)).toEqual([])
    expect(plan.warnings).toMatchObject([
      {
        what: 'the firewall of this host may drop what comes to the published ports of myspace',
        why: expect.stringContaining('StrictForwardPorts=yes'),
        fix: [
          expect.stringContaining('--add-forward-port=port=8080:proto=tcp:toport=80:toaddr=192.168.45.3'),
        ],
      },
    ])
  })
})

describe('iptables-legacy', () => {
  /** Its table in memory, as `-S` prints it. */
  const hostWithLegacy = (lines: string[], installed = true) => {
    const host = newHost()
    const { files } = host.kernel.machine
    files.makeFolder('/proc/net', 0o555)
    files.write('/proc/net/ip_tables_names', 'nat\nfilter\n', 0o440)
    const rules = [...lines]
    if (installed)
      host.kernel.addProgram('iptables-legacy', ([, , verb, chain, ...words]) => {
        if (verb === '-t') return '-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n'
        if (verb === '-S') return `${rules.join('\n')}\n`
        const isInsert = verb === '-I'
        const line = `-A ${chain} ${words.slice(isInsert ? 1 : 0).join(' ')}`
        const first = rules.findIndex(item => item.startsWith(`-A ${chain} `))
        if (verb === '-D') {
          const at = rules.findIndex(item => item.replaceAll('"', '') === line)
          if (at < 0) throw new ProgramError('iptables-legacy', { words: 'no such rule', status: 1 })
          rules.splice(at, 1)
        } else rules.splice(isInsert ? first + Number(words[0]) - 1 : rules.length, 0, line)
        return ''
      })
    return { ...host, rules, start: host.kernel.snapshot() }
  }
  const out = '-A FORWARD -i veth1 -o eth0 -m comment --comment natspace:myspace -j ACCEPT'
  const into = '-A FORWARD -i eth0 -o veth1 -m comment --comment natspace:myspace -j ACCEPT'

  test('the rules are added by its program and deleted by it', async () => {
    const { kernel, context, rules, start } = hostWithLegacy(['-P FORWARD DROP'])
    expect((await up(context, [article])).plan.warnings).toMatchObject([
      { why: 'chain FORWARD of iptables-legacy (iptables-legacy) drops it by policy' },
    ])
    await up(context, [fixed])
    expect(rules).toEqual(['-P FORWARD DROP', out, into])
    expect((await up(context, [fixed])).changes).toBe(0)
    rules.splice(1, 1)
    expect(status(context)[0]?.healthy).toBe(false)
    await down(context, ['myspace'])
    expect(rules).toEqual(['-P FORWARD DROP'])
    expect(kernel.snapshot()).toEqual(start)
  })

  test('they stand in front of what rejects, or where Docker wants them', async () => {
    const accepting = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
    const rejecting = hostWithLegacy(['-P FORWARD ACCEPT', accepting, '-A FORWARD -j REJECT'])
    await up(rejecting.context, [fixed])
    expect(rejecting.rules.slice(2, 4).toSorted()).toEqual([into, out])
    expect(rejecting.rules.at(-1)).toBe('-A FORWARD -j REJECT')
    const docker = hostWithLegacy([
      '-P FORWARD DROP',
      '-N DOCKER-USER',
      '-A FORWARD -j DOCKER-USER',
      '-A DOCKER-USER -j RETURN',
    ])
    await up(docker.context, [fixed])
    expect(docker.rules.slice(3, 5).toSorted()).toEqual(
      [into, out].map(line => line.replace('FORWARD', 'DOCKER-USER')),
    )
    expect(docker.rules.at(-1)).toBe('-A DOCKER-USER -j RETURN')
    await down(docker.context, ['myspace'])
    expect(docker.rules).toHaveLength(4)
  })

  test('a table that nobody can read is a warning', async () => {
    const { context } = hostWithLegacy(['-P FORWARD DROP'], false)
    const { plan } = await up(context, [fixed])
    expect(plan.warnings).toMatchObject([
      {
        code: 'FORWARD_DROP',
        why: 'chain FORWARD of iptables-legacy (iptables-legacy) may drop it, and cannot be read',
        evidence: ['iptables-legacy: not installed'],
      },
    ])
  })

  test('its program is not asked where the kernel has no such table', async () => {
    const { context } = newHost()
    expect((await up(context, [fixed])).plan.warnings).toEqual([])
  })
})
