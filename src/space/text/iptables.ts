import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { shellCommand, shellComment } from './quote-shell.ts'

/**
 * Theory of operation. What the table inet natspace does for a space, as iptables rules equal in effect: the rules of
 * every packet's way (guard, forwarding, translation, published ports) appended to the chains that iptables has. As
 * those chains belong to everybody, two things differ: an ACCEPT here ends the chain for the rules behind it, and
 * isolation between spaces is done at raw alone, where what is addressed to an inside address is dropped.
 */

type Rule = { table: 'raw' | 'mangle' | 'filter' | 'nat'; chain: string; match: (string | number)[] }
type Group = { why: string; rules: Rule[] }

export type IptablesAction = 'add' | 'remove'

/** The commands, with a comment in front of each group. Removing goes the other way round. */
export const iptablesOf = (space: ResolvedSpace, action: IptablesAction = 'add'): string[] => {
  const groups = groupsOf(space).filter(({ rules }) => rules.length > 0)
  return (action === 'add' ? groups : groups.toReversed()).flatMap(({ why, rules }) => [
    ...shellComment(why),
    ...(action === 'add' ? rules : rules.toReversed()).map(rule => commandOf(rule, action)),
  ])
}

const commandOf = ({ table, chain, match }: Rule, action: IptablesAction): string =>
  shellCommand('iptables', '-t', table, action === 'add' ? '-A' : '-D', chain, ...match)

const groupsOf = (space: ResolvedSpace): Group[] => {
  const { name } = space
  return [
    {
      why: `Guard ${name}: no other source, nothing for the host's loopback, nothing unpublished.`,
      rules: guard(space),
    },
    { why: 'Segments that fit the route, in both directions.', rules: clamp(space) },
    { why: 'Step 9: let the packets of the space pass.', rules: forward(space) },
    { why: 'Step 8: outside sees the address of this host.', rules: masquerade(space) },
    { why: 'Published ports: lead new connections from outside to the inside.', rules: publish(space) },
  ]
}

const guard = ({ hostInterface: cable, address }: ResolvedSpace): Rule[] => {
  const raw = (...match: string[]): Rule => ({
    table: 'raw',
    chain: 'PREROUTING',
    match: [...match, '-j', 'DROP'],
  })
  return [
    raw('-i', cable, '-d', '127.0.0.0/8'),
    raw('-i', cable, '!', '-s', address),
    raw('!', '-i', cable, '-d', address),
  ]
}

const clamp = ({ hostInterface: cable }: ResolvedSpace): Rule[] =>
  ['-i', '-o'].map(direction => ({
    table: 'mangle',
    chain: 'FORWARD',
    match: [
      direction,
      cable,
      '-p',
      'tcp',
      '--tcp-flags',
      'SYN,RST',
      'SYN',
      '-j',
      'TCPMSS',
      '--clamp-mss-to-pmtu',
    ],
  }))

const forward = ({ hostInterface: cable, uplink, internal }: ResolvedSpace): Rule[] => {
  const filter = (...match: string[]): Rule => ({ table: 'filter', chain: 'FORWARD', match })
  const state = (states: string) => ['-m', 'conntrack', '--ctstate', states]
  const begun = ['-m', 'conntrack', '--ctdir', 'ORIGINAL']
  return [
    filter('-i', cable, ...state('INVALID'), '-j', 'DROP'),
    filter('-o', cable, ...state('INVALID'), '-j', 'DROP'),
    filter('-o', cable, ...state('ESTABLISHED,RELATED'), '-j', 'ACCEPT'),
    filter('-o', cable, ...state('DNAT'), '-j', 'ACCEPT'),
    filter('-o', cable, '-j', 'DROP'),
    ...(internal ? [filter('-i', cable, ...begun, '-j', 'DROP')] : []),
    ...(uplink === undefined ? [] : [filter('-i', cable, '!', '-o', uplink, ...begun, '-j', 'DROP')]),
    filter('-i', cable, '-j', 'ACCEPT'),
  ]
}

/** ICMP queries keep their identifier where they can; other ports are chosen at random. */
const masquerade = ({ hostInterface, address, uplink, internal, publish }: ResolvedSpace): Rule[] => {
  const nat = (...match: string[]): Rule => ({ table: 'nat', chain: 'POSTROUTING', match })
  const out = uplink === undefined ? [] : ['-o', uplink]
  const outbound = internal
    ? []
    : [
        nat('-s', address, ...out, '-p', 'icmp', '-j', 'MASQUERADE'),
        nat('-s', address, ...out, '-j', 'MASQUERADE', '--random-fully'),
      ]
  if (publish.length === 0) return outbound
  return [
    ...outbound,
    // A space that reaches itself through its port, and this host by 127.0.0.1, must be answered by way of the host.
    ...(uplink === undefined && !internal
      ? []
      : [nat('-s', address, '-o', hostInterface, '-j', 'MASQUERADE')]),
    nat('-s', '127.0.0.0/8', '-o', hostInterface, '-j', 'MASQUERADE'),
  ]
}

/** The more specific first, as the first rule that matches decides. */
const publish = (space: ResolvedSpace): Rule[] =>
  [...space.publish]
    .sort((one, other) => Number(one.hostAddress === undefined) - Number(other.hostAddress === undefined))
    .flatMap(item => translations(space.address, item))

const translations = (address: string, { protocol, hostAddress, hostPort, port }: Publish): Rule[] => {
  const keepsNumbers = hostPort.first === port.first
  const count = keepsNumbers ? 1 : hostPort.last - hostPort.first + 1
  const ports =
    keepsNumbers && hostPort.last > hostPort.first ? `${hostPort.first}:${hostPort.last}` : undefined
  return Array.from({ length: count }, (_, offset) => ({
    dport: ports ?? `${hostPort.first + offset}`,
    target: ports === undefined ? `${address}:${port.first + offset}` : address,
  })).flatMap(({ dport, target }) =>
    ['PREROUTING', 'OUTPUT'].map(
      (chain): Rule => ({
        table: 'nat',
        chain,
        match: [
          ...['-p', protocol],
          ...(hostAddress === undefined ? [] : ['-d', hostAddress]),
          ...['-m', 'addrtype', '--dst-type', 'LOCAL', '-m', protocol, '--dport', dport],
          ...['-j', 'DNAT', '--to-destination', target],
        ],
      }),
    ),
  )
}

const routerChain = 'NATSPACE-ROUTER'

/** The router guard: forwarding was turned on for the spaces, so links that were there before are not routed between. */
export const iptablesRouterGuard = (links: readonly string[], action: IptablesAction = 'add'): string[] => {
  if (links.length === 0) return []
  const why = shellComment('Keep this host from routing between the links that it had before.')
  const drops = links.map(link => ['-o', link, '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP'])
  if (action === 'remove')
    return [
      ...why,
      ...links.map(link => shellCommand('iptables', '-D', 'FORWARD', '-i', link, '-j', routerChain)),
      shellCommand('iptables', '-F', routerChain),
      shellCommand('iptables', '-X', routerChain),
    ]
  return [
    ...why,
    shellCommand('iptables', '-N', routerChain),
    ...drops.map(match => shellCommand('iptables', '-A', routerChain, ...match)),
    ...links.map(link => shellCommand('iptables', '-A', 'FORWARD', '-i', link, '-j', routerChain)),
  ]
}
