import type { Change } from '../../linux/change.ts'
import { netmask } from '../../linux/net/prefix.ts'
import { macOf } from '../mac.ts'
import { aliasOf } from '../marks.ts'
import { elementCommands } from '../ruleset/commands.ts'
import { membershipsOf } from '../ruleset/elements.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import { quoteShell, shellCommand } from './quote-shell.ts'
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
      ...shellOf({ type: 'namespace.add', path }),
      ...shellOf({ type: 'link.set', where: path, name: 'lo', index: 1, up: true }),
    ],
    note: 'The loopback is brought up too, as programs expect 127.0.0.1 to work.',
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
  'host-address': ({ hostInterface, gateway, prefixLength }) => ({
    byHand: [shellCommand('ifconfig', hostInterface, gateway, 'netmask', netmask(prefixLength) ?? '', 'up')],
    natspace: addressAndUp(undefined, hostInterface, gateway, prefixLength),
  }),
  'inner-address': space => ({
    byHand: [
      inside(
        space,
        'ifconfig',
        space.interface,
        space.address,
        'netmask',
        netmask(space.prefixLength) ?? '',
        'up',
      ),
    ],
    natspace: addressAndUp(space.namespacePath, space.interface, space.address, space.prefixLength),
  }),
  'default-route': space => ({
    byHand: [inside(space, 'route', 'add', 'default', 'gw', space.gateway)],
    natspace: shellOf({
      type: 'route.add',
      where: space.namespacePath,
      name: space.interface,
      index: 0,
      destination: '0.0.0.0/0',
      gateway: space.gateway,
    }),
  }),
  forwarding: () => ({
    byHand: ['echo 1 > /proc/sys/net/ipv4/ip_forward'],
    natspace: shellOf({ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '1' }),
    note: 'Where it is natspace that turns it on, the links that were there before are not routed between, and the old value comes back with the last space.',
  }),
  masquerade: space => ({
    byHand: [
      shellCommand(
        ...['iptables', '-t', 'nat', '-A', 'POSTROUTING', '-s', space.network],
        ...(space.uplink === undefined ? [] : ['-o', space.uplink]),
        ...['-j', 'MASQUERADE'],
      ),
    ],
    natspace: elements(space, 'masquerade'),
    note: 'The rule itself is constant, in the table inet natspace: it translates whatever address is in the set. A space adds an element.',
  }),
  forward: space => ({
    byHand: acceptRules(space),
    natspace: elements(space, 'guard'),
    note: 'The table of natspace accepts what its sets hold. An accept there cannot beat a drop in a table of somebody else: natspace up names such a chain, and adds these two rules to it with --fix-firewall.',
  }),
  publish: space => ({
    byHand: (space.publish.length === 0 ? examplePublish : space.publish).map(item => dnatRule(space, item)),
    natspace: elements(space.publish.length === 0 ? { ...space, publish: examplePublish } : space, 'publish'),
    note: `${space.publish.length === 0 ? 'This space publishes nothing: the port is an example. ' : ''}The rule leads only what is addressed to this host, so that packets which merely pass through are left alone.`,
  }),
  guard: space => ({
    byHand: [],
    natspace: elements(space, 'guard'),
    note: 'By hand this is usually left out.',
  }),
  record: () => ({ byHand: [], natspace: [], note: 'A file in the state folder, /run/natspace.' }),
}

const examplePublish: Publish[] = [
  { protocol: 'tcp', hostPort: { first: 8080, last: 8080 }, port: { first: 80, last: 80 } },
]

const cable = ({ name, hostInterface, interface: inner, namespacePath, mtu }: ResolvedSpace): Change => ({
  type: 'veth.add',
  where: undefined,
  name: hostInterface,
  index: 0,
  address: macOf(name, 'host'),
  mtu,
  peer: { where: namespacePath, name: inner, index: 0, address: macOf(name, 'inner'), mtu },
})

const alias = (space: ResolvedSpace, where: string | undefined, name: string): Change => ({
  type: 'link.set',
  where,
  name,
  index: 0,
  alias: aliasOf(space.name),
})

const addressAndUp = (
  where: string | undefined,
  name: string,
  address: string,
  prefixLength: number,
): string[] => [
  ...shellOf({ type: 'address.add', where, name, index: 0, address, prefixLength }),
  ...shellOf({ type: 'link.set', where, name, index: 0, up: true }),
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

const acceptRules = ({ hostInterface, uplink }: ResolvedSpace): string[] => {
  const rule = (...words: string[]) =>
    shellCommand('iptables', '-t', 'filter', '-A', 'FORWARD', ...words, '-j', 'ACCEPT')
  return uplink === undefined
    ? [rule('-o', hostInterface), rule('-i', hostInterface)]
    : [rule('-i', uplink, '-o', hostInterface), rule('-o', uplink, '-i', hostInterface)]
}

const dnatRule = ({ address }: ResolvedSpace, { protocol, hostAddress, hostPort, port }: Publish): string => {
  const range = (ports: { first: number; last: number }, between: string) =>
    ports.first === ports.last ? `${ports.first}` : `${ports.first}${between}${ports.last}`
  const destination =
    hostAddress === undefined ? ['-m', 'addrtype', '--dst-type', 'LOCAL'] : ['-d', hostAddress]
  const target = quoteShell(`${address}:${range(port, '-')}`)
  return `${shellCommand('iptables', '-t', 'nat', '-A', 'PREROUTING', '-p', protocol, ...destination, '--dport', range(hostPort, ':'), '-j', 'DNAT', '--to-destination')} ${target}`
}
