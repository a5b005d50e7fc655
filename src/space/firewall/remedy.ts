import type { ProgramName } from '../../linux/program.ts'
import type { Observation } from '../reconcile/observation.ts'
import { quote } from '../spec/quote.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { forwardsStrictly, isBoundForGood, isBoundToZone } from './firewalld.ts'
import type { ForwardDrop } from './forward-drops.ts'
import { jumpOf } from './jump.ts'
import { dockerChain, type LegacyPlace } from './legacy.ts'
import { beforeReturn, type NativePlace } from './native.ts'
import { ownerOfDrop } from './owner-of-drop.ts'
import { allowedByUfw } from './ufw.ts'
import { type Way, wayKey } from './way.ts'

/**
 * What makes a firewall of somebody else accept a way of a space, where its owner wants it: a rule of ours in one of its
 * chains, or something that its front end does. `none` where it is in place already and does not help, or where natspace
 * has nothing to decide: then all that is left is to say so.
 */
export type Remedy =
  | { kind: 'native'; place: NativePlace }
  | { kind: 'legacy'; program: ProgramName; place: LegacyPlace }
  | { kind: 'ufw' }
  | { kind: 'firewalld'; link: string }
  /** Nothing that natspace may do: what is in the way, and what a person could do. */
  | { kind: 'none'; why: string; advice: string[] }

/** The remedy for a way that a chain of nftables, or of iptables-nft, drops. */
export const remedyFor = (seen: Observation, space: ResolvedSpace, way: Way, drop: ForwardDrop): Remedy => {
  const { program } = ownerOfDrop(drop)
  if (drop.chain.hook !== 'forward') return beyondForward(way, drop)
  if (program === 'ufw') return ufwRemedy(seen, space, way, drop.decider.name)
  if (program === 'firewalld') return firewalldRemedy(seen, space, way, drop)
  if (drop.table.flags.includes('owner'))
    return {
      kind: 'none',
      why: `the table ${drop.table.name} belongs to one process, and nobody else may change it`,
      advice: ['have that program accept the space'],
    }
  return { kind: 'native', place: nativePlace(drop) }
}

/** Before and behind the forward hook a packet does not say which way it takes, so a rule would accept more than one way. */
const beyondForward = ({ from, to }: Way, { table, chain }: ForwardDrop): Remedy => {
  const isBefore = chain.hook === 'prerouting'
  const link = isBefore ? from : to
  const match = link === undefined ? '' : ` ${isBefore ? 'iifname' : 'oifname'} ${quote(link)}`
  return {
    kind: 'none',
    why: `natspace adds rules where packets are forwarded, and not at the hook ${chain.hook}`,
    advice: [
      `nft insert rule ${table.family} ${table.name} ${chain.name}${match} accept would let it pass, or a narrower rule`,
    ],
  }
}

/** Docker leaves one chain to others; elsewhere the place is in front of what drops, or at the end of the chain. */
const nativePlace = ({ table, chain, decider, rule, top }: ForwardDrop): NativePlace => {
  const docker = table.chains.find(({ name }) => name === dockerChain)
  const toDocker = docker && chain.rules.findIndex(item => jumpOf(item) === dockerChain)
  const blocking = top === undefined ? chain.rules.length : chain.rules.indexOf(top)
  if (docker !== undefined && toDocker !== undefined && toDocker >= 0 && toDocker <= blocking)
    return decider === docker && rule !== undefined
      ? { table, chain: docker, before: rule.handle }
      : beforeReturn(table, docker)
  return { table, chain, before: top?.handle }
}

/** `ufw route allow`, unless ufw was told to drop it: rules that are added later come behind. `decider`: the chain that drops. */
export const ufwRemedy = (
  seen: Observation,
  { name }: ResolvedSpace,
  way: Way,
  decider: string | undefined,
): Remedy => {
  const isAllowed = allowedByUfw(seen, name).some(allowed => wayKey(allowed) === wayKey(way))
  if (!isAllowed && !/^ufw6?-user-/.test(decider ?? '')) return { kind: 'ufw' }
  return {
    kind: 'none',
    why: isAllowed
      ? 'ufw has a rule for this space, and another rule comes first'
      : 'ufw was told to, and rules that are added later come behind that one',
    advice: ['ufw status numbered shows the rules in their order'],
  }
}

const firewalldRemedy = (
  seen: Observation,
  { hostInterface, address, publish }: ResolvedSpace,
  { from }: Way,
  { table }: ForwardDrop,
): Remedy => {
  if (from !== hostInterface) {
    const [first] = publish
    const port =
      first &&
      `port=${first.hostPort.first}:proto=${first.protocol}:toport=${first.port.first}:toaddr=${address}`
    return {
      kind: 'none',
      why: forwardsStrictly(seen)
        ? 'StrictForwardPorts=yes in /etc/firewalld/firewalld.conf: firewalld forwards to ports that it was told of itself, and to no others'
        : 'no zone lets others begin connections to the space',
      advice:
        port === undefined
          ? []
          : [`firewall-cmd --add-forward-port=${port} opens one port in firewalld itself`],
    }
  }
  if (isBoundForGood(seen, hostInterface))
    return {
      kind: 'none',
      why: `${hostInterface} is bound to a zone in /etc/firewalld, which decides`,
      advice: [`firewall-cmd --get-zone-of-interface=${hostInterface} tells the zone`],
    }
  if (isBoundToZone(table, hostInterface))
    return {
      kind: 'none',
      why: `${hostInterface} is in a zone that forwards, and a policy or rule of firewalld drops it all the same`,
      advice: ['firewall-cmd --list-all-policies shows them'],
    }
  return { kind: 'firewalld', link: hostInterface }
}
