/** How a port that is published already is named, to take it away: it need not be said where it leads. */

import type { PortRange } from '../../linux/net/port.ts'
import type { Site } from './fault.ts'
import { formatPublish, parsePublish } from './publish.ts'
import type { Publish } from './types.ts'

/** A published port; what is left out may be anything. */
export type PublishedPort = Omit<Publish, 'port'> & { port?: PortRange }

/** Reads `[HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp]`. Throws NatspaceError BAD_PORT, BAD_PUBLISH. */
export const parsePublishedPort = (text: string, site?: Site): PublishedPort => {
  const { port, ...outside } = parsePublish(text, site)
  // `8080` and `8080:8080` are the same to publish, but here the first one leaves something out.
  const ports = text.replace(/\/.*$/, '').replace(/^(\[.*\]|[^:]*\.[^:]*):/, '')
  return ports.includes(':') ? { ...outside, port } : outside
}

/** The text of one; the inverse of `parsePublishedPort` but for what it leaves out. */
export const formatPublishedPort = (wanted: PublishedPort): string =>
  formatPublish({ ...wanted, port: wanted.port ?? wanted.hostPort })

/** The ports that are meant: the one that is written exactly so, or all that may be. */
export const matchPublished = (wanted: PublishedPort, present: readonly Publish[]): Publish[] => {
  const { protocol, hostAddress, hostPort, port } = wanted
  const matching = present.filter(
    item =>
      item.protocol === protocol &&
      isSame(item.hostPort, hostPort) &&
      (port === undefined || isSame(item.port, port)),
  )
  const exact = matching.find(item => item.hostAddress === hostAddress)
  return exact !== undefined ? [exact] : hostAddress === undefined ? matching : []
}

const isSame = (one: PortRange, other: PortRange): boolean =>
  one.first === other.first && one.last === other.last
