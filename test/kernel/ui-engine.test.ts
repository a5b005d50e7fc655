import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { failureOf } from '../../src/cli/failure.ts'
import { withNamespace } from '../../src/lab/places.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { Engine } from '../../src/server/engine/engine.ts'
import { Lab } from '../../src/server/engine/lab/lab.ts'
import type { Follow, PipelineHook, ServerEvent, Topology, Walk } from '../../src/server/protocol.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'

/** The engine behind the page, in the lab of the article: this process is host1. */

requireSandbox()

const events: ServerEvent[] = []
const paths = statePaths('/run/natspace')
let engine: Engine
const ask = () => engine.handlers

beforeAll(async () => {
  using kernel = new LinuxKernel()
  const lab = Lab.build(kernel)
  await lab.begin({ kernel, paths })
  engine = new Engine({
    mode: 'lab',
    allowChanges: true,
    host: 'unused',
    paths,
    lab,
    openKernel: () => new LinuxKernel(),
    push: event => {
      events.push(event)
    },
    words: error => failureOf(error).why,
  })
})
afterAll(() => engine[Symbol.dispose]())

const patience = 10_000

/** Waits until something was pushed that fits, from `since` on. */
const pushed = async <T>(since: number, find: (event: ServerEvent) => T | undefined): Promise<T> => {
  const end = performance.now() + patience
  for (;;) {
    for (const event of events.slice(since)) {
      const found = find(event)
      if (found !== undefined) return found
    }
    if (performance.now() > end)
      throw new Error(`waited in vain; pushed: ${JSON.stringify(events.slice(since))}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const sh = (script: string) => run('sh', ['-ec', script])
const node = ({ nodes }: Topology, id: string) => nodes.find(item => item.id === id)
const edge = ({ edges }: Topology, id: string) => edges.find(item => item.id === id)

/** Each list of captures as one text, without identifiers and ports of the moment. */
const captures = (walk: Walk): string[] =>
  walk.captures.map(
    ({ place, interface: name, lines }) =>
      `${place} ${name}: ${lines.join(' | ').replaceAll(/ICMP echo |IP |, id \d+|, seq \d+/g, '') || '-'}`,
  )

/** Rules of a walk's events that its pipelines do not have, in the same words. */
const unknownRules = ({ story, pipelines }: Walk): string[] =>
  story.events.flatMap(({ point, hook, chain, rules }) => {
    const hooks: PipelineHook[] = pipelines[point === 'inside' ? 'inside' : 'host']
    const base = hooks
      .find(item => item.hook === hook)
      ?.chains.find(item => item.table === chain?.table && item.name === chain.name)
    const parts = base === undefined ? [] : [base, ...base.leadsTo]
    return rules
      .filter(
        rule =>
          !parts.some(part => part.name === rule.chain && part.rules.some(({ text }) => text === rule.text)),
      )
      .map(({ text }) => text)
  })

test('the picture has the names and addresses of the article', async () => {
  expect(await ask().hello({})).toMatchObject({ mode: 'lab', host: 'host1', allowChanges: true })
  const seen = await ask().topology({})
  expect(node(seen, 'host')?.lines).toEqual(['default via 192.168.1.1 dev eth0'])
  expect(node(seen, 'space:myspace')).toMatchObject({
    lines: ['192.168.45.3/24', 'default via 192.168.45.2 dev veth2'],
    health: 'healthy',
  })
  expect(edge(seen, 'cable:myspace')).toMatchObject({
    up: true,
    ends: [
      { interface: 'veth2', addresses: ['192.168.45.3/24'] },
      { interface: 'veth1', addresses: ['192.168.45.2/24'] },
    ],
  })
  expect(edge(seen, 'uplink:eth0')?.ends[0]).toEqual({ interface: 'eth0', addresses: ['192.168.1.32/24'] })
  expect(node(seen, 'lan:eth0')?.name).toBe('192.168.1.0/24')
  expect(
    seen.nodes.filter(({ kind }) => kind === 'neighbour').map(({ name, lines }) => `${name} ${lines[0]}`),
  ).toEqual(['router 192.168.1.1/24', 'host2 192.168.1.15/24'])
  expect(seen.ports.map(({ text }) => text)).toEqual(['8080:80/tcp'])
})

describe('a walk', () => {
  test('goes out and back with the addresses of the article, and everything needed to show it', async () => {
    const walk = await ask().walk({ space: 'myspace', to: '192.168.1.15' })
    expect(walk).toMatchObject({ outcome: 'answered', title: '192.168.45.3 → 192.168.1.15' })
    expect(captures(walk)).toEqual([
      'myspace veth2: 192.168.45.3 > 192.168.1.15: request | 192.168.1.15 > 192.168.45.3: reply',
      'host1 veth1: 192.168.45.3 > 192.168.1.15: request | 192.168.1.15 > 192.168.45.3: reply',
      'host1 eth0: 192.168.1.32 > 192.168.1.15: request | 192.168.1.15 > 192.168.1.32: reply',
      'lan to-host2: 192.168.1.32 > 192.168.1.15: request | 192.168.1.15 > 192.168.1.32: reply',
      'host2 eth0: 192.168.1.32 > 192.168.1.15: request | 192.168.1.15 > 192.168.1.32: reply',
    ])
    const changes = walk.story.events.flatMap(({ packet, hook, kind, changes: made }) =>
      made
        .filter(({ field }) => field === 'source' || field === 'destination')
        .map(({ field, before, after }) => `${packet} ${hook} ${kind}: ${field} ${before} → ${after}`),
    )
    expect(changes).toEqual([
      'request postrouting chain: source 192.168.45.3 → 192.168.1.32',
      'reply prerouting conntrack: destination 192.168.1.32 → 192.168.45.3',
    ])
    expect(walk.pipelines.host.map(({ hook }) => hook)).toEqual([
      'prerouting',
      'input',
      'forward',
      'output',
      'postrouting',
    ])
    expect(
      walk.pipelines.host
        .find(({ hook }) => hook === 'forward')
        ?.chains.map(({ table, name }) => `${table} ${name}`),
    ).toEqual(expect.arrayContaining(['natspace forward', 'filter FORWARD']))
    expect(unknownRules(walk)).toEqual([])
    expect(node(walk.topology, 'space:myspace')?.health).toBe('healthy')
    // As it is saved and opened again.
    expect(JSON.parse(JSON.stringify(walk))).toStrictEqual(walk)
    expect(await ask().walkById({ id: walk.id })).toBe(walk)
    expect((await ask().walks({}))[0]).toMatchObject({ id: walk.id, outcome: 'answered' })
  })

  test('stops on the very rule that somebody put in by hand', async () => {
    sh(`nft -f - <<'END'
      table inet mine {
        chain careful {
          type filter hook forward priority filter + 5; policy accept
          tcp dport 22 accept
          ip daddr 192.168.1.15 tcp dport 5432 counter drop comment "no database"
        }
      }
END`)
    try {
      const walk = await ask().walk({ space: 'myspace', to: '192.168.1.15:5432', timeout: 3000 })
      const text = 'ip daddr 192.168.1.15 tcp dport 5432 drop comment "no database"'
      const last = walk.story.events.at(-1)
      expect(last).toMatchObject({ hook: 'forward', verdict: 'drop', rule: text })
      const chains = walk.pipelines.host.find(({ hook }) => hook === 'forward')?.chains
      const chain = chains?.find(({ table }) => table === 'mine')
      expect(chain).toMatchObject({ name: 'careful', stage: 'filter + 5', owner: 'nftables' })
      expect(chain?.rules).toEqual([{ text: 'tcp dport 22 accept' }, { text }])
      expect(chains?.at(-1)).toBe(chain as never)
      expect(walk).toMatchObject({ outcome: 'dropped', fault: { code: 'FW-PRIO' } })
      expect(walk.fault?.fix.commands[0]).toContain('nft')
      expect(captures(walk).slice(2)).toEqual(['host1 eth0: -', 'lan to-host2: -', 'host2 eth0: -'])
      expect(unknownRules(walk)).toEqual([])
    } finally {
      sh('nft delete table inet mine')
    }
  })

  test('of a datagram that is refused has the refusal as its answer, at every link', async () => {
    const walk = await ask().walk({ space: 'myspace', to: '192.168.1.15:53/udp' })
    expect(walk.outcome).toBe('refused')
    expect(walk.captures.map(({ lines }) => lines.length)).toEqual([2, 2, 2, 2, 2])
    expect(walk.captures[0]?.lines[1]).toBe('IP 192.168.1.15 > 192.168.45.3: ICMP port unreachable')
    expect(walk.captures[4]?.lines[1]).toBe('IP 192.168.1.15 > 192.168.1.32: ICMP port unreachable')
  })

  test('to nobody is lost with the name of that, and others are answered meanwhile', async () => {
    const order: string[] = []
    const walk = Promise.resolve(ask().walk({ space: 'myspace', to: '192.168.1.77', timeout: 1500 })).then(
      found => {
        order.push('walk')
        return found
      },
    )
    await ask().topology({})
    order.push('topology')
    expect(await walk).toMatchObject({ outcome: 'lost', fault: { code: 'UP-NONE' } })
    expect(order).toEqual(['topology', 'walk'])
  })
})

/** host2 connects to the published port, and somebody inside takes it. */
const visit = (): void => {
  using _server = withNamespace('myspace', namespace =>
    Socket.listen({ address: '192.168.45.3', port: 80 }, { namespace }),
  )
  using _client = withNamespace('host2', namespace =>
    Socket.connect({ address: '192.168.1.32', port: 8080 }, 3000, { namespace }),
  )
}

/** Somebody inside asks host2 for a port at which nobody listens. */
const knock = (port: number): void =>
  withNamespace('myspace', namespace => {
    try {
      Socket.connect({ address: '192.168.1.15', port }, 1000, { namespace }).close()
    } catch (error) {
      if (!(error instanceof SystemError && error.code === 'ECONNREFUSED')) throw error
    }
  })

const walksOf = (follow: Follow) => (event: ServerEvent) =>
  event.type === 'walk' && event.follow === follow.id ? event.walk : undefined

describe('what comes from outside', () => {
  test('a visitor of the published port is followed to where the rule leads him', async () => {
    await ask().start({})
    const follow = await ask().follow({ space: 'myspace', from: '192.168.1.15', filter: 'tcp' })
    const since = events.length
    visit()
    const { id } = await pushed(since, walksOf(follow))
    const walk = await ask().walkById({ id })
    expect(walk).toMatchObject({ direction: 'in', outcome: 'answered', protocol: 'tcp' })
    const dnat = walk.story.events.find(({ changes }) => changes.some(({ field }) => field === 'destination'))
    expect(dnat).toMatchObject({ packet: 'request', hook: 'prerouting', kind: 'chain', interface: 'eth0' })
    expect(dnat?.changes).toEqual(
      expect.arrayContaining([
        { field: 'destination', before: '192.168.1.32', after: '192.168.45.3' },
        { field: 'destinationPort', before: 8080, after: 80 },
      ]),
    )
    expect(dnat?.chain?.owner).toBe('natspace')
    expect(walk.captures.map(({ place, interface: name }) => `${place} ${name}`)).toEqual([
      'myspace veth2',
      'host1 veth1',
      'host1 eth0',
    ])
    expect(unknownRules(walk)).toEqual([])
    expect((await ask().start({})).follows).toMatchObject([{ id: follow.id, space: 'myspace', seen: 1 }])
    await ask().unfollow({ id: follow.id })
    expect((await ask().start({})).follows).toEqual([])
  })

  test('a visitor whom a rule keeps out is followed to that rule, with its name in the catalogue', async () => {
    sh(
      "nft -f - <<'END'\ntable ip mine { chain c { type filter hook forward priority 10; tcp dport 80 drop; }; }\nEND",
    )
    const follow = await ask().follow({ space: 'myspace', from: 'any' })
    try {
      const since = events.length
      withNamespace('host2', namespace => {
        expect(() => Socket.connect({ address: '192.168.1.32', port: 8080 }, 100, { namespace })).toThrow()
      })
      const { id } = await pushed(since, walksOf(follow))
      const walk = await ask().walkById({ id })
      expect(walk).toMatchObject({ direction: 'in', outcome: 'dropped', fault: { code: 'FW-PRIO' } })
      expect(walk.story.events.at(-1)).toMatchObject({
        hook: 'forward',
        verdict: 'drop',
        rule: 'tcp dport 80 drop',
      })
      expect(unknownRules(walk)).toEqual([])
    } finally {
      sh('nft delete table ip mine')
      await ask().unfollow({ id: follow.id })
    }
  })

  test('of very many flows some are shown whole, and how many there were is said', async () => {
    const follow = await ask().follow({ space: 'myspace' })
    const since = events.length
    const flows = 300
    for (let number = 0; number < flows; number++) {
      knock(1 + number)
      // This process is the engine too: what it does not read in time is lost.
      if (number % 10 === 9) await new Promise(resolve => setTimeout(resolve, 10))
    }
    const { shown } = await pushed(since, event =>
      event.type === 'sampled' && event.follow === follow.id && event.seen > 100 ? event : undefined,
    )
    expect(shown).toBeGreaterThan(0)
    expect(shown).toBeLessThan(flows / 2)
    expect(events.slice(since).filter(walksOf(follow)).length).toBeLessThanOrEqual(shown + 20)
    await ask().unfollow({ id: follow.id })
  })
})

describe('while somebody listens', () => {
  test('a link that goes down is seen at once, and who is drifted; and when it comes back', async () => {
    const { topology } = await ask().start({})
    expect(node(topology, 'space:myspace')?.health).toBe('healthy')
    const since = events.length
    const begun = performance.now()
    sh('ip link set veth1 down')
    const drifted = await pushed(since, event => (event.type === 'topology' ? event.topology : undefined))
    console.log(`the new picture came ${Math.round(performance.now() - begun)} ms after ip was started`)
    expect(edge(drifted, 'cable:myspace')?.up).toBe(false)
    expect(node(drifted, 'space:myspace')?.health).toBe('drifted')
    const differs = await pushed(since, event =>
      event.type === 'event' && event.event.event === 'differs' ? event.event : undefined,
    )
    expect(differs).toMatchObject({ spaces: ['myspace'], drift: [{ resource: 'veth1 being up' }] })
    const later = events.length
    sh('ip link set veth1 up')
    await pushed(later, event =>
      event.type === 'event' && event.event.event === 'recovered' ? event : undefined,
    )
    await pushed(later, event =>
      event.type === 'topology' && node(event.topology, 'space:myspace')?.health === 'healthy'
        ? event
        : undefined,
    )
  })

  test('counters are told by edge, as they grow', async () => {
    const before = edge(await ask().topology({}), 'cable:myspace')?.counters?.sentPackets ?? 0
    const since = events.length
    await ask().walk({ space: 'myspace', to: '192.168.1.15' })
    const counters = await pushed(since, event =>
      event.type === 'counters' ? event.edges['cable:myspace'] : undefined,
    )
    expect(counters.sentPackets).toBeGreaterThan(before)
  })

  test('afterwards nothing is told any more, and nothing is open', async () => {
    await ask().stop({})
    const since = events.length
    sh('ip link add dummy9 type bridge; ip link delete dummy9')
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(events.slice(since)).toEqual([])
  })
})

describe('plan, apply, remove', () => {
  const text =
    'spaces:\n  web:\n    address: 10.77.0.2\n    gateway: 10.77.0.1/30\n    publish: ["8081:81"]\n'

  test('the picture that was planned is the one that there is then, and nothing is left of it', async () => {
    const plan = await ask().plan({ text })
    expect(plan.problems).toEqual([])
    expect(plan.scripts.nft).toContain('publish4')
    const planned = edge(plan.topology, 'cable:web')
    expect(planned?.ends[0]).toEqual({ interface: 'eth0', addresses: ['10.77.0.2/30'] })
    const applied = await ask().apply({ text })
    expect(applied.spaces).toEqual(['web'])
    expect(applied.changes).toBeGreaterThan(5)
    const seen = await ask().topology({})
    expect(edge(seen, 'cable:web')?.ends).toEqual(planned?.ends as never)
    expect(seen.ports.map(item => item.text)).toEqual(['8080:80/tcp', '8081:81/tcp'])
    expect(await ask().walk({ space: 'web', to: '10.77.0.1' })).toMatchObject({ outcome: 'answered' })
    const removal = await ask().plan({ remove: ['web'] })
    expect(node(removal.topology, 'space:web')).toBeUndefined()
    expect(await ask().remove({ names: ['web'] })).toMatchObject({ spaces: ['web'], warnings: [] })
    expect(node(await ask().topology({}), 'space:web')).toBeUndefined()
    expect(run('ip', ['netns', 'list'])).not.toContain('web')
  })
})

describe('the lab', () => {
  test('without step 8 the answer is missing, and with it there again, as often as one likes', async () => {
    for (let round = 0; round < 2; round++) {
      const failed = await ask().setLab({ without: 8 })
      expect(failed.proofs.filter(({ ok }) => !ok)).toEqual([])
      expect(failed.walk).toMatchObject({ outcome: 'delivered', fault: { code: 'NAT-NONE' } })
      expect(captures(failed.walk)).toEqual([
        'myspace veth2: 192.168.45.3 > 192.168.1.15: request',
        'host1 veth1: 192.168.45.3 > 192.168.1.15: request',
        'host1 eth0: 192.168.45.3 > 192.168.1.15: request',
        'lan to-host2: 192.168.45.3 > 192.168.1.15: request | 192.168.1.15 > 192.168.45.3: reply',
        'host2 eth0: 192.168.45.3 > 192.168.1.15: request | 192.168.1.15 > 192.168.45.3: reply',
      ])
      expect(failed.step).toMatchObject({ number: 8, name: 'masquerade' })
      expect(failed.step?.commands).toEqual([
        'iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE',
      ])
      expect(await ask().lab({})).toMatchObject({ up: true, without: 8, omissible: [6, 7, 8, 9] })
      const whole = await ask().setLab({ without: null })
      expect(whole.proofs.filter(({ ok }) => !ok)).toEqual([])
      expect(whole.walk.outcome).toBe('answered')
      expect(whole.walk.story.tuple.icmp?.id).toBe(29610)
      expect(whole.step).toBeUndefined()
    }
  })

  test.each([
    [6, 'dropped', 'RT-NODEFAULT'],
    [7, 'dropped', 'SYS-FWD0'],
    [9, 'dropped', 'FW-DROP'],
  ])('without step %d it is %s: %s', async (without, outcome, code) => {
    const { proofs, walk } = await ask().setLab({ without })
    expect(proofs.filter(({ ok }) => !ok)).toEqual([])
    expect(walk).toMatchObject({ outcome, fault: { code } })
  })

  test('host2 visits the published port and is led inside, and nothing is changed by that', async () => {
    await ask().setLab({ without: null })
    const { proofs, walk, state } = await ask().setLab({ visit: 'published' })
    expect(proofs.filter(({ ok }) => !ok)).toEqual([])
    expect(walk).toMatchObject({ direction: 'in', outcome: 'answered', space: 'myspace' })
    expect(state).toMatchObject({ up: true, without: null })
    expect((await ask().walks({}))[0]?.id).toBe(walk.id)
    // Where a step is missing it ends there, and that is told.
    await ask().setLab({ without: 9 })
    const failed = await ask().setLab({ visit: 'published' })
    expect(failed.walk).toMatchObject({ outcome: 'dropped', fault: { code: 'FW-DROP' } })
    expect(failed.state.without).toBe(9)
    await ask().setLab({ without: null })
  })

  test('a step that cannot be left out is refused, and the lab stays as it is', async () => {
    await ask().setLab({ without: null })
    await expect(ask().setLab({ without: 3 }) as Promise<unknown>).rejects.toMatchObject({
      code: 'BAD_CHOICE',
    })
    expect(await ask().lab({})).toMatchObject({ up: true, without: null })
    expect((await ask().walk({ space: 'myspace', to: '192.168.1.15' })).outcome).toBe('answered')
  })
})

test('after many walks and follows nothing is left open', async () => {
  await ask().walk({ space: 'myspace', to: '192.168.1.15' })
  const before = openDescriptors()
  for (let number = 0; number < 30; number++)
    await ask().walk({ space: 'myspace', to: number % 2 === 0 ? '192.168.1.15' : '192.168.1.15:9' })
  for (let number = 0; number < 5; number++) {
    const { id } = await ask().follow({ space: 'myspace' })
    await ask().start({})
    await ask().unfollow({ id })
    await ask().stop({})
  }
  expect(openedSince(before)).toEqual([])
  // What many walks have in common is kept once.
  const walks = await ask().walks({})
  const [one, other] = await Promise.all(
    [walks[0], walks[20]].map(item => ask().walkById({ id: item?.id ?? '' })),
  )
  expect(one?.pipelines.host).toBe(other?.pipelines.host as never)
})
