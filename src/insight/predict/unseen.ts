import type { Link } from '../../linux/rtnetlink/link.ts'
import type { PlaceFacts, PredictionFacts } from './facts.ts'

/** What stands on a packet's way and is not looked into, as sentences. Pure. */

/** Kinds of queueing disciplines to which filters and actions are tied (tc). */
const filtering: readonly string[] = ['clsact', 'ingress']

export const unseenOnWay = (
  { inside, host, space }: PredictionFacts,
  family: 4 | 6,
  links: { inside: readonly Link[]; host: readonly Link[] },
): string[] => [
  ...ofPlace(inside, family, links.inside, ' in the space'),
  ...ofPlace(host, family, links.host, ''),
  ...(space.cables.includes(space.hostInterface) || links.host.length === 0
    ? []
    : [`${space.hostInterface} does not bear the mark of natspace`]),
]

const ofPlace = (
  { legacy, disciplines, ruleset, links: all }: PlaceFacts,
  family: 4 | 6,
  links: readonly Link[],
  where: string,
): string[] => {
  const tables = legacy[family]
  const program = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'
  const bridges = ruleset.tables.filter(table => table.family === 'bridge' || table.family === 'arp')
  return [
    ...(tables === 'unreadable'
      ? [`whether ${program} has rules${where} may not be read by this user`]
      : tables.length > 0
        ? [`the rules of ${program}${where} (${tables.join(', ')})`]
        : []),
    ...links.flatMap(link => [
      ...(link.xdp ? [`the XDP program of ${link.name}${where}`] : []),
      ...(disciplines.some(({ index, kind }) => index === link.index && filtering.includes(kind))
        ? [`filters and actions of tc at ${link.name}${where}`]
        : []),
      ...bridgeOf(link, all).map(name => `what the bridge ${name} does with frames${where}`),
    ]),
    ...(bridges.length > 0 && links.some(link => bridgeOf(link, all).length > 0 || hasArp(bridges))
      ? bridges.map(({ name, family: kind }) => `the rules of ${kind} ${name}${where}`)
      : []),
  ]
}

const hasArp = (tables: readonly { family: string }[]): boolean =>
  tables.some(({ family }) => family === 'arp')

/** The bridge that a link is or belongs to. */
const bridgeOf = (link: Link, all: readonly Link[]): string[] => {
  if (link.kind === 'bridge') return [link.name]
  const master = link.master === undefined ? undefined : all.find(({ index }) => index === link.master)
  return master?.kind === 'bridge' ? [master.name] : []
}
