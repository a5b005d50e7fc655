import { isLinkLocal, isLoopback } from '../../linux/net/ip.ts'
import { formatListener, type Listener } from '../../linux/socket-diag/listener.ts'
import type { SocketOwner } from '../../linux/sys/socket-owner.ts'
import { NatspaceError } from '../errors.ts'
import { spaceOfAlias } from '../marks.ts'
import { findListenerConflict } from '../spec/port-conflict.ts'
import { formatPublish } from '../spec/publish.ts'
import { printable } from '../spec/quote.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import type { Observation } from './observation.ts'

/**
 * Theory of operation. What natspace publishes is translated before the host's own sockets are asked, so a program that
 * listens on the same port would hear nothing more, without a word to anybody. Ports that are new in a spec are held
 * against what the host listens on; those that a space has already stay, whoever came to listen meanwhile. The sockets
 * of a transport are listed once, and only if a port of it is new; the program is looked for only to name it.
 */

/** What this needs to know of a space. */
type Publisher = Pick<ResolvedSpace, 'name' | 'publish' | 'ipv6'>

/**
 * Refuses to publish a port on which a program of the host listens. `previous` is what each space was so far. Throws
 * NatspaceError PORT_TAKEN (exit 2) with the program and its process number where they can be found.
 */
export const checkListened = (
  seen: Observation,
  spaces: readonly Publisher[],
  previous: ReadonlyMap<string, Publisher>,
): void => {
  for (const space of spaces) {
    const kept = new Set(previous.get(space.name)?.publish.map(formatPublish))
    for (const publish of space.publish) {
      if (kept.has(formatPublish(publish))) continue
      const listener = findListenerConflict(
        publish,
        seen.listeners(undefined, publish.protocol),
        familiesOf(space),
      )
      if (listener !== undefined) throw portListened(seen, space, publish, listener)
    }
  }
}

const familiesOf = ({ ipv6 }: Publisher): readonly (4 | 6)[] => (ipv6 === undefined ? [4] : [4, 6])

const portListened = (
  seen: Observation,
  space: Publisher,
  publish: Publish,
  listener: Listener,
): NatspaceError => {
  const { user, inode } = listener
  const owner = seen.kernel.socketOwner(inode)
  const link = seen.linkName(undefined, listener.interface)
  const where = `${formatListener(listener)}${link === undefined ? '' : ` (link ${printable(link)})`}`
  const elsewhere = freeAddress(seen, space, publish)
  return new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${formatPublish(publish)} for ${space.name}`,
    why: `${programOf(owner, user)} listens on ${where}`,
    evidence: [`socket ${inode} of user ${user}: ${where}`],
    fix: [
      remedyFor(owner, listener),
      'or choose another port of the host',
      ...(elsewhere === undefined ? [] : [`or publish on an address where nothing listens: ${elsewhere}`]),
    ],
  })
}

const remedyFor = (owner: SocketOwner | undefined, { protocol, port }: Listener): string => {
  if (owner === undefined)
    return `find the program: sudo ss -ln${protocol === 'sctp' ? 'S' : protocol[0]}p sport = :${port}`
  // A socket that the first process holds alone waits for a service to be started by its first packet.
  return owner.pid === 1 ? 'stop its socket unit: systemctl list-sockets' : `stop ${nameOf(owner)}`
}

const programOf = (owner: SocketOwner | undefined, user: number): string =>
  owner === undefined ? `a program of this host (user ${user})` : `the program ${nameOf(owner)} of this host`

/** A process chooses its name itself, so it may hold anything. */
const nameOf = ({ pid, command }: SocketOwner): string => `${printable(command)} (pid ${pid})`

/** The same port on another address of the host that is free and can be reached from outside; undefined if there is none. */
const freeAddress = (seen: Observation, space: Publisher, publish: Publish): string | undefined => {
  const families = familiesOf(space)
  const links = [...seen.links(undefined).values()].filter(link => spaceOfAlias(link.alias) === undefined)
  const candidates = links
    .flatMap(link => seen.addresses(undefined).get(link.index) ?? [])
    .map(({ address }) => address)
    .filter(address => families.includes(address.includes(':') ? 6 : 4))
    .filter(address => !isLoopback(address) && !isLinkLocal(address))
    .map((hostAddress): Publish => ({ ...publish, hostAddress }))
  const free = candidates.find(
    candidate =>
      findListenerConflict(candidate, seen.listeners(undefined, publish.protocol), families) === undefined,
  )
  return free && formatPublish(free)
}
