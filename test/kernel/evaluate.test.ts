/** What the evaluator of rulesets says, against what the kernel does with real packets. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { evaluateHook, type Outcome, type Packet } from '../../src/linux/nftables/evaluate/index.ts'
import type { Ruleset } from '../../src/linux/nftables/index.ts'
import { answerTo, packetsOf } from '../support/random-packets.ts'
import { iptablesRuleset, nftRuleset, Random } from '../support/random-ruleset.ts'
import { addresses, type Fate, RouterStage, type Side } from '../support/router-stage.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const kernelTest = requireTool('nft', 'iptables-nft', 'conntrack')

let stage: RouterStage
beforeAll(() => {
  stage = new RouterStage()
})
afterAll(() => stage[Symbol.dispose]())

const other = (side: Side): Side => (side === 'left' ? 'right' : 'left')

/** A packet as it is described in the forward chain when it comes from a side. */
const described = (packet: Packet, from: Side): Packet => ({
  ...packet,
  iifname: `${from}0`,
  oifname: `${other(from)}0`,
  iif: stage.indexes[from],
  oif: stage.indexes[other(from)],
  fib: ({ flags, result, packet: { source = '', destination = '' } }) => {
    const address = flags.includes('saddr') ? source : destination
    const own = [...addresses[4].router, ...addresses[6].router] as string[]
    if (result === 'type') return own.includes(address) ? 'local' : 'unicast'
    const side = /^(10\.1\.|fd01:)/.test(address) ? 'left' : 'right'
    return result === 'oif' ? stage.indexes[side] : `${side}0`
  },
})

let number = 1000

type Sent = { number: number; packet: Packet; from: Side }

/** Sends packets, new ones with a number each, and returns what became of them. */
const send = async (
  packets: readonly { packet: Packet; from: Side }[],
): Promise<(Sent & { fate: Fate })[]> => {
  const sent = packets.map(item => ({ ...item, number: number++ }))
  for (const { packet, from, number: own } of sent) stage.send(from, own, packet)
  const fates = new Map<number, Fate>()
  for (const family of [4, 6] as const) {
    const numbers = sent.filter(({ packet }) => packet.family === family).map(item => item.number)
    if (numbers.length > 0) for (const entry of await stage.fates(family, numbers)) fates.set(...entry)
  }
  return sent.map(item => ({ ...item, fate: fates.get(item.number) as Fate }))
}

const deciderText = ({ decidedBy: by }: Outcome['steps'][number]): string =>
  by === undefined ? 'unknown' : `${by.table} ${by.chain} ${by.rule === 'policy' ? 'policy' : by.rule.handle}`

const forgetful = new Random(7)

/** The packet without some of what is known of it. */
const partly = (packet: Packet): Packet =>
  Object.fromEntries(
    Object.entries(packet).filter(([key]) => key === 'family' || forgetful.chance(0.75)),
  ) as Packet

/** Compares the evaluator with the kernel; returns how many of the answers were certain. */
const compare = (ruleset: Ruleset, text: string, sent: readonly (Sent & { fate: Fate })[]): number => {
  let certain = 0
  for (const { packet, from, fate } of sent) {
    const whole = described(packet, from)
    const outcome = evaluateHook(ruleset, { hook: 'forward' }, whole)
    // Whoever knows less may be less certain, but not wrong.
    for (let i = 0; i < 5; i++) {
      const less = partly(whole)
      const { verdict, passes } = evaluateHook(ruleset, { hook: 'forward' }, less)
      expect({ text, less, verdicts: ['unknown', fate.verdict] }).toMatchObject({
        verdicts: expect.arrayContaining([verdict]),
      })
      expect(['unknown', fate.verdict === 'accept']).toContain(passes)
    }
    if (outcome.verdict === 'unknown') {
      // Whatever happened must be among what was said to be possible.
      const stops = outcome.steps.flatMap(({ possible }) => possible.map(({ verdict }) => verdict))
      if (!stops.includes('unknown') && !stops.includes('queue')) expect(stops).toContain(fate.verdict)
      continue
    }
    certain++
    const { fib: _fib, ...plain } = whole
    // Which of several ways it went is not known, even where all agree; the chains behind may never be asked.
    const known = outcome.steps.findIndex(step => step.possible.length > 1)
    const upTo = known < 0 ? undefined : known
    const ours = { verdict: outcome.verdict, by: outcome.steps.map(deciderText).slice(0, upTo) }
    const theirs = { verdict: fate.verdict, by: fate.decidedBy.slice(0, upTo) }
    expect({ ruleset: text, packet: plain, ...ours }).toEqual({ ruleset: text, packet: plain, ...theirs })
  }
  return certain
}

/** New connections, then answers to those that were let through, then more of these. */
const exchange = async (ruleset: Ruleset, text: string, packets: { packet: Packet; from: Side }[]) => {
  const first = await send(packets)
  let certain = compare(ruleset, text, first)
  const open = first.filter(({ fate }) => fate.verdict === 'accept')
  const answers = await send(
    open.map(({ packet, from }) => ({ packet: answerTo(packet), from: other(from) })),
  )
  certain += compare(ruleset, text, answers)
  return { certain, all: first.length + answers.length }
}

describe('rulesets made at random', () => {
  for (const [kind, make, seeds] of [
    ['nft', nftRuleset, 40],
    ['iptables-nft', iptablesRuleset, 20],
  ] as const)
    kernelTest(
      `by ${kind}: every certain answer is what happens`,
      async () => {
        let [certain, all] = [0, 0]
        for (let seed = 1; seed <= seeds; seed++) {
          const random = new Random(seed)
          stage.reset()
          const { program, text } = make(random)
          run(program[0], program.slice(1), text)
          const counts = await exchange(stage.ruleset(), text, packetsOf(random, 10))
          certain += counts.certain
          all += counts.all
        }
        console.info(`${kind}: ${certain} of ${all} answers were certain`)
        expect(certain).toBeGreaterThan(all * 0.9)
      },
      60_000,
    )
})

const out4 = { family: 4, source: addresses[4].left, destination: addresses[4].right } as const
const fresh = { ctState: 'new', ctStatus: { dnat: false, snat: false }, mark: 0, ctMark: 0 } as const
let nextPort = 40_000

/** A new connection from left to right. */
const tcp = (destinationPort: number, more: Partial<Packet> = {}): { packet: Packet; from: Side } => ({
  packet: {
    ...out4,
    ...fresh,
    protocol: 6,
    sourcePort: nextPort++,
    destinationPort,
    tcpFlags: 2,
    length: 40,
    ...more,
  },
  from: 'left',
})

const udp = (destinationPort: number, more: Partial<Packet> = {}) => {
  const { packet, from } = tcp(destinationPort, { protocol: 17, length: 32, ...more })
  const { tcpFlags: _tcpFlags, ...rest } = packet
  return { packet: rest, from }
}

const reversed = ({ packet }: { packet: Packet }): { packet: Packet; from: Side } => ({
  packet: { ...packet, source: addresses[4].right, destination: addresses[4].left },
  from: 'right',
})

const iptables = (text: string, program = 'iptables-nft-restore') => run(program, [], text)

/** Loads a firewall, sends packets through it, and compares; the verdicts of the first packets are given. */
const expectVerdicts = async (
  text: string,
  cases: readonly (readonly [{ packet: Packet; from: Side }, Fate['verdict']])[],
) => {
  const sent = await send(cases.map(([item]) => item))
  expect(sent.map(({ fate }) => fate.verdict)).toEqual(cases.map(([, verdict]) => verdict))
  expect(compare(stage.ruleset(), text, sent)).toBe(sent.length)
  const answers = await send(
    sent
      .filter(({ fate }) => fate.verdict === 'accept')
      .map(({ packet, from }) => ({ packet: answerTo(packet), from: other(from) })),
  )
  expect(compare(stage.ruleset(), text, answers)).toBe(answers.length)
}

describe('firewalls as programs make them', () => {
  kernelTest('a FORWARD chain that drops by policy, and accepts answers', async () => {
    stage.reset()
    const text = `*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i left0 -o right0 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`
    iptables(text)
    await expectVerdicts(text, [
      [tcp(22), 'accept'],
      [tcp(80), 'drop'],
      [reversed(tcp(22)), 'drop'],
    ])
  })

  kernelTest('a last rule that rejects, as on RHEL', async () => {
    stage.reset()
    const text = `*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p icmp -j ACCEPT
-A FORWARD -p udp -m multiport --dports 53,100:200 -m comment --comment "names" -j ACCEPT
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
COMMIT
`
    iptables(text)
    await expectVerdicts(text, [
      [tcp(80), 'reject'],
      [udp(53), 'accept'],
      [udp(150), 'accept'],
      [udp(250), 'reject'],
      [udp(53, { protocol: 1, icmpType: 8, icmpCode: 0, length: 28 }), 'accept'],
    ])
  })

  kernelTest("Docker's chains", async () => {
    stage.reset()
    const text = `*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i right0 -o right0 -d 10.2.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i right0 -o right0 -j DROP
-A DOCKER-BRIDGE -o right0 -j DOCKER
-A DOCKER-CT -o right0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i right0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i right0 ! -o right0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker1 -j DROP
-A DOCKER-USER -p tcp -m tcp --dport 8080 -j RETURN
-A DOCKER-USER -p udp -m udp --dport 9 -j DROP
COMMIT
`
    iptables(text)
    await expectVerdicts(text, [
      [tcp(80), 'accept'],
      [tcp(8080), 'drop'],
      [udp(9), 'drop'],
      [reversed(tcp(8080)), 'accept'],
    ])
  })

  kernelTest("ufw's chains before and after", async () => {
    stage.reset()
    const text = `*filter
:FORWARD DROP [0:0]
:ufw-before-forward - [0:0]
:ufw-user-forward - [0:0]
:ufw-after-forward - [0:0]
:ufw-after-logging-forward - [0:0]
:ufw-reject-forward - [0:0]
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A FORWARD -j ufw-after-logging-forward
-A FORWARD -j ufw-reject-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-user-forward -i left0 -o right0 -p tcp -m tcp --dport 443 -j ACCEPT
-A ufw-user-forward -p tcp -m multiport --dports 8080,9000 -j REJECT --reject-with icmp-admin-prohibited
-A ufw-after-logging-forward -j LOG --log-prefix "[UFW BLOCK] "
COMMIT
`
    iptables(text)
    await expectVerdicts(text, [
      [tcp(443), 'accept'],
      [tcp(9000), 'reject'],
      [tcp(80), 'drop'],
      [reversed(tcp(443)), 'drop'],
      [udp(0, { protocol: 1, icmpType: 8, icmpCode: 0, length: 28 }), 'accept'],
    ])
  })

  kernelTest("firewalld's zones by a verdict map and goto", async () => {
    stage.reset()
    const text = `table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_ZONES {
    iifname vmap { "left0" : goto filter_FWD_public, "right*" : goto filter_FWD_trusted }
    goto filter_FWD_public
  }
  chain filter_FWD_public {
    jump filter_FWD_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain filter_FWD_public_allow {
    oifname "right0" tcp dport 443 ct state { new, untracked } accept
  }
  chain filter_FWD_trusted { accept; }
}
`
    run('nft', ['-f', '-'], text)
    await expectVerdicts(text, [
      [tcp(443), 'accept'],
      [tcp(80), 'reject'],
      [reversed(tcp(80)), 'accept'],
    ])
  })

  kernelTest('sets and maps: wildcards, concatenated intervals, maps of marks', async () => {
    stage.reset()
    const text = `table inet sets {
  set links { type ifname . ifname; elements = { "left0" . "right0" } }
  set wild { type ifname; flags interval; elements = { "le*", "docker*" } }
  set allowed { type ipv4_addr . inet_proto . inet_service; flags interval
    elements = { 10.2.0.0/24 . tcp . 80-90, 10.2.0.2 . udp . 53, 0.0.0.0/0 . tcp . 9999 } }
  map marks { type inet_service : mark; flags interval; elements = { 1-99 : 1, 100-65535 : 2 } }
  chain forward {
    type filter hook forward priority 0; policy drop;
    iifname @wild ct state established,related accept
    ct direction reply accept
    meta mark set th dport map @marks
    iifname . oifname @links ip daddr . meta l4proto . th dport @allowed jump marked
  }
  chain marked { meta mark vmap { 1 : accept, 2 : goto second }; }
  chain second { reject; }
}
`
    run('nft', ['-f', '-'], text)
    await expectVerdicts(text, [
      [tcp(85), 'accept'],
      [tcp(91), 'drop'],
      [udp(53), 'accept'],
      [udp(80), 'drop'],
      [tcp(9999), 'reject'],
      [reversed(tcp(85)), 'drop'],
    ])
  })
})

describe('translations', () => {
  /** Where each packet went, and where the evaluator says that it would go. */
  const expectDestinations = async (
    cases: readonly (readonly [{ packet: Packet; from: Side }, string])[],
  ) => {
    const family = cases[0]?.[0].packet.family ?? 4
    await send(cases.map(([item]) => item))
    const went = stage.destinations(family)
    expect(cases.map(([{ packet }]) => went.get(packet.sourcePort ?? 0))).toEqual(cases.map(([, to]) => to))
    for (const [{ packet, from }, to] of cases) {
      const { after } = evaluateHook(stage.ruleset(), { hook: 'prerouting' }, described(packet, from))
      expect(`${after.destination} ${after.destinationPort}`).toBe(to)
    }
  }

  for (const [family, own, target, restore] of [
    [4, '10.1.0.1', '10.2.0.2', 'iptables-nft-restore'],
    [6, 'fd01::1', 'fd02::2', 'ip6tables-nft-restore'],
  ] as const)
    kernelTest(`of ports by iptables, IPv${family}`, async () => {
      stage.reset()
      const withPort = family === 4 ? `${target}:80` : `[${target}]:80`
      iptables(
        `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i right0 -j RETURN
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${withPort}
-A DOCKER -p tcp -m tcp --dport 8081 -j DNAT --to-destination ${target}
-A POSTROUTING -o right0 -j MASQUERADE
COMMIT
`,
        restore,
      )
      const source = addresses[family].left
      const to = (destination: string, port: number) => tcp(port, { family, source, destination })
      await expectDestinations([
        [to(own, 8080), `${target} 80`],
        [to(own, 8081), `${target} 8081`],
        [to(target, 8080), `${target} 8080`],
      ])
      const outcome = evaluateHook(
        stage.ruleset(),
        { hook: 'postrouting' },
        described(to(target, 8080).packet, 'left'),
      )
      expect(outcome.nat?.kind).toBe('masquerade')
      expect(stage.sources(family).get(8080)).toBe(addresses[family].router[1])
    })

  kernelTest('of maps by nft, of two tables that both want it', async () => {
    stage.reset()
    const table = (name: string, priority: number, port: number) => `table ip ${name} {
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service
    elements = { tcp . 8080 : 10.2.0.2 . ${port}, udp . 53 : 10.2.0.2 . ${port} } }
  chain pre { type nat hook prerouting priority ${priority};
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
}
`
    run('nft', ['-f', '-'], table('later', -90, 1) + table('sooner', -100, 2))
    const to = (packet: { packet: Packet; from: Side }) => ({
      ...packet,
      packet: { ...packet.packet, destination: '10.1.0.1' },
    })
    await expectDestinations([
      [to(tcp(8080)), '10.2.0.2 2'],
      [to(udp(53)), '10.2.0.2 2'],
    ])
    run('nft', ['flush', 'ruleset'])
    stage.reset()
    run('nft', ['-f', '-'], table('first', -100, 1) + table('second', -100, 2))
    // Of equal priority the one that came later is asked first.
    await expectDestinations([[to(tcp(8080)), '10.2.0.2 2']])
  })

  kernelTest('of answers happens without a rule: nat chains are for first packets', async () => {
    stage.reset()
    run(
      'nft',
      ['-f', '-'],
      'table ip n { chain p { type nat hook prerouting priority -100; tcp dport 80 drop; }; }',
    )
    const first = tcp(80)
    const [dropped] = await send([first])
    expect(dropped?.fate.verdict).toBe('drop')
    expect(
      evaluateHook(stage.ruleset(), { hook: 'prerouting' }, described(first.packet, 'left')).verdict,
    ).toBe('drop')
    const later = described({ ...first.packet, ctState: 'established' }, 'left')
    expect(evaluateHook(stage.ruleset(), { hook: 'prerouting' }, later)).toMatchObject({
      verdict: 'accept',
      steps: [],
    })
  })
})

describe('a published port, from hook to hook', () => {
  kernelTest('only what was translated is let through', async () => {
    stage.reset()
    const text = `table ip nat { chain pre { type nat hook prerouting priority dstnat;
    tcp dport 8080 fib daddr type local dnat to 10.2.0.2:80
    tcp dport 8081 fib daddr type local counter meta mark set 7 dnat to 10.2.0.2:81
  }; }
table ip filter { chain forward { type filter hook forward priority 0; policy drop;
    ct status dnat meta l4proto tcp ct original proto-dst 8080 accept
    meta mark 7 ct original ip daddr 10.1.0.1 reject
  }; }
`
    run('nft', ['-f', '-'], text)
    const own = { destination: '10.1.0.1' }
    const packets = [tcp(8080, own), tcp(8081, own), tcp(80), tcp(8080)]
    const sent = await send(packets)
    expect(sent.map(({ fate }) => fate.verdict)).toEqual(['accept', 'reject', 'drop', 'drop'])
    const said = packets.map(({ packet, from }) => {
      const { oifname: _name, oif: _index, ...came } = described(packet, from)
      const { source = '', destination = '', sourcePort = 0, destinationPort = 0 } = packet
      const first = evaluateHook(
        stage.ruleset(),
        { hook: 'prerouting' },
        { ...came, ctOriginal: { source, destination, sourcePort, destinationPort } },
      )
      return evaluateHook(stage.ruleset(), { hook: 'forward' }, described(first.after, from)).verdict
    })
    expect(said).toEqual(['accept', 'reject', 'drop', 'drop'])
  })
})

describe('the raw priority', () => {
  kernelTest('sees no connection, and can keep one from being tracked', async () => {
    stage.reset()
    const text = `table ip early {
  chain raw { type filter hook prerouting priority raw;
    ct state invalid udp dport 1 drop
    ct state new udp dport 2 drop
    udp dport 3 notrack
  }
  chain forward { type filter hook forward priority 0; policy accept;
    ct state untracked reject
    udp dport 2 drop
  }
}
`
    run('nft', ['-f', '-'], text)
    const packets = [udp(1), udp(2), udp(3), udp(4)]
    const sent = await send(packets)
    expect(sent.map(({ fate }) => fate.verdict)).toEqual(['drop', 'drop', 'reject', 'accept'])
    const said = packets.map(({ packet, from }) => {
      const first = evaluateHook(stage.ruleset(), { hook: 'prerouting' }, described(packet, from))
      if (first.verdict !== 'accept') return `${first.verdict} in prerouting`
      return evaluateHook(stage.ruleset(), { hook: 'forward' }, described(first.after, from)).verdict
    })
    expect(said).toEqual(['drop in prerouting', 'drop', 'reject', 'accept'])
  })
})
