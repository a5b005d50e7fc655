import type { Change } from '../../linux/change.ts'
import { netmask } from '../../linux/net/prefix.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import { macOf } from '../mac.ts'
import { aliasOf } from '../marks.ts'
import { elementCommands } from '../ruleset/commands.ts'
import { membershipsOf } from '../ruleset/elements.ts'
import { boundAddress, isPublishedIn } from '../spec/publish.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import { programs } from './iptables-rule.ts'
import { shellCommand } from './quote-shell.ts'
import { shellOf } from './shell.ts'

/**
 * Each step with the values of a space, twice: as it was typed before there was natspace (iproute, ifconfig, iptables),
 * and as natspace does it, in the commands that equal its messages to the kernel.
 */
export type StepCommands = {
  byHand: string[]
  natspace: string[]
  /** What natspace does otherwise, and why; undefined where the commands say it all. */
  note?: string
}

/** The commands of one step for this space. */
export const stepCommands = (space: ResolvedSpace, step: StepName): StepCommands => texts[step](space)

const inside = (space: ResolvedSpace, ...words: string[]): string =>
  shellCommand('ip', 'netns', 'exec', space.name, ...words)

const texts: Record<StepName, (space: ResolvedSpace) => StepCommands> = {
  namespace: ({ name, namespacePath: path }) => ({
    byHand: [shellCommand('ip', 'netns', 'add', name)],
    natspace: [
      ...shellOf({ type: 'namespace.add', path, mark: aliasOf(name) }),
      ...shellOf({ type: 'link.set', where: path, name: 'lo', index: 1, up: true }),
    ],
    note: 'The loopback is brought up too, as programs expect 127.0.0.1 to work. Its alias says that natspace made the namespace, and may remove it.',
  }),
  cable: space => ({
    byHand: [
      shellCommand('ip', 'link', 'add', space.hostInterface, 'type', 'veth', 'peer', 'name', space.interface),
    ],
    natspace: shellOf(cable(space)),
    note: 'Both ends are made down and with the settings that must hold before the first packet; their hardware addresses follow from the name, so that a cable made again is the same to its neighbours.',
  }),
  plug: space => ({
    byHand: [shellCommand('ip', 'link', 'set', space.interface, 'netns', space.name)],
    natspace: [
      ...shellOf(alias(space, undefined, space.hostInterface)),
      ...shellOf(alias(space, space.namespacePath, space.interface)),
    ],
    note: 'The inner end is created in its namespace, in the same message as the cable. Both ends bear an alias, by which natspace knows its own.',
  }),
  'host-address': space => {
    const { hostInterface, gateway, prefixLength, ipv6 } = space
    return {
      byHand: [
        shellCommand('ifconfig', hostInterface, gateway, 'netmask', netmask(prefixLength) ?? '', 'up'),
        ...(ipv6 === undefined
          ? []
          : [shellCommand('ifconfig', hostInterface, 'add', `${ipv6.gateway}/${ipv6.prefixLength}`)]),
      ],
      natspace: addressesAndUp(undefined, hostInterface, [
        ...(ipv6 === undefined ? [] : [[ipv6.gateway, ipv6.prefixLength] as const]),
        [gateway, prefixLength],
      ]),
      ...(ipv6 === undefined ? {} : { note: ownPrefix }),
    }
  },
  'inner-address': space => {
    const { namespacePath, interface: name, address, prefixLength, ipv6 } = space
    return {
      byHand: [
        inside(space, 'ifconfig', name, address, 'netmask', netmask(prefixLength) ?? '', 'up'),
        ...(ipv6 === undefined
          ? []
          : [inside(space, 'ifconfig', name, 'add', `${ipv6.address}/${ipv6.prefixLength}`)]),
      ],
      natspace: addressesAndUp(namespacePath, name, [
        ...(ipv6 === undefined ? [] : [[ipv6.address, ipv6.prefixLength] as const]),
        [address, prefixLength],
      ]),
    }
  },
  'default-route': space => ({
    byHand: [
      inside(space, 'route', 'add', 'default', 'gw', space.gateway),
      ...(space.ipv6 === undefined
        ? []
        : [inside(space, 'route', '-A', 'inet6', 'add', 'default', 'gw', space.ipv6.gateway)]),
    ],
    natspace: ownRoutes(space).flatMap(([destination, gateway]) =>
      shellOf({
        type: 'route.add',
        where: space.namespacePath,
        name: space.interface,
        index: 0,
        destination,
        gateway,
      }),
    ),
  }),
  forwarding: ({ ipv6, uplink = 'UPLINK' }) => ({
    byHand: [
      'echo 1 > /proc/sys/net/ipv4/ip_forward',
      ...(ipv6 === undefined ? [] : ['echo 1 > /proc/sys/net/ipv6/conf/all/forwarding']),
    ],
    natspace: [
      ...shellOf({ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '1' }),
      ...(ipv6 === undefined
        ? []
        : shellOf({
            type: 'sysctl.set',
            where: undefined,
            key: interfaceSysctl('ipv6', uplink, 'force_forwarding'),
            value: '1',
          })),
    ],
    note: `Where it is natspace that turns it on, the links that were there before are not routed between, and the old value comes back with the last space.${
      ipv6 === undefined
        ? ''
        : ' A host that forwards all of IPv6 would stop listening to its router: so single links are made to forward, or, where the kernel cannot do that, are told to go on listening (accept_ra = 2) before the switch of all is turned.'
    }`,
  }),
  masquerade: space => ({
    byHand: familiesOf(space).map(({ program, network }) =>
      shellCommand(
        ...[program, '-t', 'nat', '-A', 'POSTROUTING', '-s', network],
        ...(space.uplink === undefined ? [] : ['-o', space.uplink]),
        ...['-j', 'MASQUERADE'],
      ),
    ),
    natspace: elements(space, 'masquerade'),
    note: 'The rule itself is constant, in the table inet natspace: it translates whatever address is in the set. A space adds an element. The source port is chosen at random, and never one that answers for somebody else.',
  }),
  forward: space => ({
    byHand: acceptRules(space),
    natspace: elements(space, 'guard'),
    note: 'The table of natspace accepts what its sets hold. An accept there cannot beat a drop in a table of somebody else: natspace up names such a chain, and adds these rules to it with --fix-firewall.',
  }),
  publish: space => ({
    byHand: (space.publish.length === 0 ? examplePublish : space.publish).flatMap(item =>
      dnatRules(space, item),
    ),
    natspace: elements(space.publish.length === 0 ? { ...space, publish: examplePublish } : space, 'publish'),
    note: `${space.publish.length === 0 ? 'This space publishes nothing: the port is an example. ' : ''}The rule leads only what is addressed to this host, so that packets which merely pass through are left alone.`,
  }),
  guard: space => ({
    byHand: [],
    natspace: elements(space, 'guard'),
    note: 'By hand this is usually left out. What each set means: natspace explain policy.',
  }),
  record: () => ({ byHand: [], natspace: [], note: 'A file in the state folder, /run/natspace.' }),
}

const examplePublish: Publish[] = [
  { protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } },
]

const ownPrefix =
  'The IPv6 addresses are unique local ones (RFC 4193), of a prefix that follows from the identity of this host.'

/** Bytes: what a cable has without being told. */
const defaultMtu = 1500

const cable = (space: ResolvedSpace): Change => {
  const { name, hostInterface, interface: inner, namespacePath } = space
  const mtu = space.mtu === defaultMtu ? undefined : space.mtu
  return {
    type: 'veth.add',
    where: undefined,
    name: hostInterface,
    index: 0,
    address: macOf(name, 'host'),
    mtu,
    peer: { where: namespacePath, name: inner, index: 0, address: macOf(name, 'inner'), mtu },
  }
}

const alias = (space: ResolvedSpace, where: string | undefined, name: string): Change => ({
  type: 'link.set',
  where,
  name,
  index: 0,
  alias: aliasOf(space.name),
})

const addressesAndUp = (
  where: string | undefined,
  name: string,
  addresses: readonly (readonly [address: string, prefixLength: number])[],
): string[] => [
  ...addresses.flatMap(([address, prefixLength]) =>
    shellOf({ type: 'address.add', where, name, index: 0, address, prefixLength }),
  ),
  ...shellOf({ type: 'link.set', where, name, index: 0, up: true }),
]

/** The default routes; of an internal space those to the spaces that it may reach. */
const ownRoutes = ({ internal, connect, gateway, ipv6 }: ResolvedSpace): [string, string][] => {
  if (!internal)
    return [['0.0.0.0/0', gateway], ...(ipv6 ? [['::/0', ipv6.gateway] as [string, string]] : [])]
  return connect.flatMap(({ address, address6 }): [string, string][] => [
    [`${address}/32`, gateway],
    ...(ipv6 && address6 ? [[`${address6}/128`, ipv6.gateway] as [string, string]] : []),
  ])
}

/** What the rules of each family need to know of a space. */
const familiesOf = ({ address, network, ipv6 }: ResolvedSpace) => [
  { family: 4 as const, program: programs[4], address, network },
  ...(ipv6 === undefined
    ? []
    : [{ family: 6 as const, program: programs[6], address: ipv6.address, network: ipv6.network }]),
]

const elements = (space: ResolvedSpace, step: 'guard' | 'masquerade' | 'publish'): string[] => {
  const members = membershipsOf(space).filter(member => member.step === step)
  return shellOf({
    type: 'nftables.commit',
    where: undefined,
    commands: elementCommands('element.add', members),
    generation: undefined,
  })
}

const acceptRules = (space: ResolvedSpace): string[] => {
  const { hostInterface, uplink } = space
  return familiesOf(space).flatMap(({ program }) => {
    const rule = (...words: string[]) =>
      shellCommand(program, '-t', 'filter', '-A', 'FORWARD', ...words, '-j', 'ACCEPT')
    return uplink === undefined
      ? [rule('-o', hostInterface), rule('-i', hostInterface)]
      : [rule('-i', uplink, '-o', hostInterface), rule('-o', uplink, '-i', hostInterface)]
  })
}

/** One rule for each family in which the port is published. */
const dnatRules = (space: ResolvedSpace, publish: Publish): string[] => {
  const { protocol, hostPort, port } = publish
  const hostAddress = boundAddress(publish)
  const range = (ports: { first: number; last: number }, between: string) =>
    ports.first === ports.last ? `${ports.first}` : `${ports.first}${between}${ports.last}`
  const destination =
    hostAddress === undefined ? ['-m', 'addrtype', '--dst-type', 'LOCAL'] : ['-d', hostAddress]
  return familiesOf(space)
    .filter(({ family }) => isPublishedIn(family, publish))
    .map(({ program, family, address }) =>
      shellCommand(
        ...[program, '-t', 'nat', '-A', 'PREROUTING', '-p', protocol, ...destination],
        ...['--dport', range(hostPort, ':'), '-j', 'DNAT', '--to-destination'],
        `${family === 4 ? address : `[${address}]`}:${range(port, '-')}`,
      ),
    )
}
