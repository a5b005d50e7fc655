/** What is around the flows for a while: rules of others, routes, settings; made at random, and taken away again. */
import type { Random } from '../random-ruleset.ts'
import { run, tryRun } from '../sandbox.ts'
import { ruleTexts } from './nft-trace.ts'
import { type Made, randomRulesets } from './rulesets.ts'
import { addresses, type FlowStage, type SpaceName, spaceNames } from './stage.ts'

/** A packet where it is routed: to where, with which mark, and the link that it came in by; none in the space that sends it. */
export type Routed = { destination: string; input: string | undefined; mark: number }

/** Something that is done in a namespace and undone afterwards. `stops`: what a story says of a packet that it stops. */
export type Obstacle = {
  place: string
  make: string
  undo: string
  stops: (packet: Routed) => RegExp | undefined
}

export type Scenario = {
  obstacles: readonly Obstacle[]
  rulesets: readonly { place: string; made: Made }[]
}

const routes = (random: Random, place: string): Obstacle => {
  const version = random.of([4, 4, 6] as const)
  const { far, second } = addresses[version]
  const kind = random.of(['blackhole', 'unreachable', 'prohibit'])
  const flag = version === 4 ? '' : '-6 '
  const address = random.of([far, second])
  const target = `${address}/${version === 4 ? 32 : 128}`
  const stopping = (reason: RegExp) => (packet: Routed) =>
    packet.destination === address ? reason : undefined
  const route = new RegExp(`the route ${target} is of the kind ${kind}|no route leads to ${address}`)
  return random.of([
    {
      place,
      make: `ip ${flag}route add ${kind} ${target}`,
      undo: `ip ${flag}route del ${kind} ${target}`,
      stops: stopping(route),
    },
    {
      place,
      make: `ip ${flag}route add ${kind} ${target} table 77; ip ${flag}rule add to ${target} lookup 77 priority 50`,
      undo: `ip ${flag}rule del priority 50; ip ${flag}route del ${kind} ${target} table 77`,
      stops: stopping(route),
    },
    {
      place,
      make: `ip ${flag}rule add to ${target} ${kind} priority 60`,
      undo: `ip ${flag}rule del priority 60`,
      stops: stopping(new RegExp(`no route leads to ${address}`)),
    },
  ])
}

const settings = (random: Random, cable: string): Obstacle => {
  const [key, version, link] = random.of([
    ['net.ipv4.ip_forward', 4, undefined],
    [`net.ipv4.conf.${cable}.forwarding`, 4, cable],
    ['net.ipv4.conf.eth0.forwarding', 4, 'eth0'],
    ['net.ipv6.conf.all.forwarding', 6, undefined],
  ] as const)
  return {
    place: 'host',
    // One switch may turn others.
    make: `sysctl -a -r '^net\\.ipv[46]\\.(ip_forward$|conf\\..*\\.(force_)?forwarding$)' >/run/flows-was; sysctl -qw ${key}=0`,
    undo: 'sysctl -qp /run/flows-was',
    stops: ({ destination, input }) =>
      input !== undefined && (link ?? input) === input && destination.includes(':') === (version === 6)
        ? new RegExp(`does not forward what comes in by ${input}: .*forward`)
        : undefined,
  }
}

/** What others do with marks: a table of its own for some packets, as programs of private networks have it. */
const byMark = (random: Random): Obstacle => {
  const version = random.of([4, 4, 6] as const)
  const flag = version === 4 ? '' : '-6 '
  const kind = random.of(['unreachable', 'prohibit'])
  return {
    place: 'host',
    make: `ip ${flag}route add ${kind} default table 78; ip ${flag}rule add fwmark 0x2 lookup 78 priority 55`,
    undo: `ip ${flag}rule del priority 55; ip ${flag}route del ${kind} default table 78`,
    stops: ({ destination, mark }) =>
      mark === 2 && destination.includes(':') === (version === 6)
        ? new RegExp(`of the kind ${kind} \\(table 78\\)|no route leads to ${destination}`)
        : undefined,
  }
}

const absentRoute: Obstacle = {
  place: 'host',
  make: `ip route del default; ip -6 route del default`,
  undo: `ip route add default via ${addresses[4].host2}; ip -6 route add default via ${addresses[6].host2}`,
  stops: ({ destination }) =>
    [addresses[4].far, addresses[6].far].some(far => far === destination) ? /no route leads to/ : undefined,
}

/** Rules and obstacles for a few dozen flows. */
export const randomScenario = (random: Random, name: string, stage: FlowStage): Scenario => {
  const cables = [...stage.spaces.values()].map(({ hostInterface }) => hostInterface)
  const host = { own: undefined, links: ['eth0', ...cables] }
  const obstacles = [
    ...(random.chance(0.3) ? [routes(random, 'host')] : []),
    ...(random.chance(0.15) ? [routes(random, random.of(spaceNames))] : []),
    ...(random.chance(0.08) ? [settings(random, random.of(cables))] : []),
    ...(random.chance(0.05) ? [absentRoute] : []),
    ...(random.chance(0.15) ? [byMark(random)] : []),
  ]
  const inside = (space: SpaceName) => {
    const { address, ipv6, interface: link } = stage.space(space)
    return { own: { 4: address, 6: ipv6?.address ?? '' }, links: [link, 'lo'] }
  }
  return {
    obstacles,
    rulesets: [
      ...randomRulesets(random, name, host).map(made => ({ place: 'host', made })),
      ...spaceNames.flatMap(space =>
        randomRulesets(random, name, inside(space)).map(made => ({ place: space as string, made })),
      ),
    ],
  }
}

const enter = (place: string, words: readonly string[], input?: string): string => {
  const all = place === 'host' ? words : ['nsenter', `--net=/run/netns/${place}`, ...words]
  return run(all[0] ?? '', all.slice(1), input)
}

const isOthers = (line: string): boolean => !/^table inet (natspace|zz-sentinel)$/.test(line)

/** A scenario while it lasts. */
export class Staged implements Disposable {
  /** Texts of all rules as nft prints them, by place: family, table, chain and handle. */
  readonly texts: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly #scenario: Scenario

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    for (const { place, made } of scenario.rulesets) enter(place, made.words, made.text)
    for (const { place, make } of scenario.obstacles) enter(place, ['sh', '-ec', make])
    this.texts = new Map(
      ['host', ...spaceNames].map(place => [
        place,
        ruleTexts(enter(place, ['nft', '-a', 'list', 'ruleset'])),
      ]),
    )
  }

  [Symbol.dispose](): void {
    for (const { place, undo } of this.#scenario.obstacles.toReversed()) enter(place, ['sh', '-c', undo])
    for (const place of new Set(this.#scenario.rulesets.map(({ place }) => place))) {
      const others = enter(place, ['nft', 'list', 'tables']).split('\n').filter(Boolean).filter(isOthers)
      enter(place, ['nft', '-f', '-'], others.map(line => `delete ${line}\n`).join(''))
    }
    // A connection keeps its translation when the rule is gone.
    for (const place of ['host', ...spaceNames]) tryRunIn(place)
  }
}

const tryRunIn = (place: string): void => {
  const words = ['conntrack', '-F']
  const all = place === 'host' ? words : ['nsenter', `--net=/run/netns/${place}`, ...words]
  tryRun(all[0] ?? '', all.slice(1))
}
