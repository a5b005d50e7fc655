/** Spaces of container runtimes in words: whom they serve, and what of them is another plugin's. */

import type { SpaceStatus } from '../space/reconcile/types.ts'
import type { Tuning } from '../space/spec/types.ts'

type Attachment = NonNullable<SpaceStatus['attachment']>

/** Runtimes number containers with 64 digits, of which people read the first twelve. */
const shortest = 12

const podOf = ({ pod }: Attachment): string => [pod?.namespace, pod?.name].filter(Boolean).join('/')

/** What tells a container from others in a list. */
export const shortNameOf = (attachment: Attachment): string =>
  podOf(attachment) || attachment.container.slice(0, shortest)

/** The container, its network and its names. */
export const containerLines = (attachment: Attachment): string[] => {
  const { network, container, aliases = [] } = attachment
  const pod = podOf(attachment)
  return [
    `${container} in the network ${network}`,
    ...(pod === '' ? [] : [`pod ${pod}`]),
    ...(aliases.length === 0 ? [] : [`also called ${aliases.join(', ')} by its runtime`]),
  ]
}

/** Both ends of the cable; where another plugin has made it, how this host reaches the inside. */
export const cableLines = ({ interface: { host, inner }, behind }: SpaceStatus): string[] => {
  if (behind === undefined) return [`${host} on this host, ${inner} inside`]
  const { port } = behind
  return [
    `${inner} inside, which another plugin has made`,
    ...(host === '' ? ['this host itself does not reach it'] : [`reached by ${host} of this host`]),
    ...(port === undefined || port === host ? [] : [`its other end is ${port}`]),
  ]
}

/** What was asked of the interface and the namespace. */
export const tuningLines = ({
  sysctls = {},
  promiscuous,
  allMulticast,
  queueLength,
  mtu,
  mac,
}: Tuning): string[] => [
  ...(mac === undefined ? [] : [`address ${mac}`]),
  ...(mtu === undefined ? [] : [`MTU ${mtu}`]),
  ...(promiscuous === undefined ? [] : [promiscuous ? 'promiscuous' : 'not promiscuous']),
  ...(allMulticast === undefined ? [] : [allMulticast ? 'all multicast' : 'not all multicast']),
  ...(queueLength === undefined ? [] : [`${queueLength} packets may wait`]),
  ...Object.entries(sysctls).map(([key, value]) => `${key} = ${value}`),
]
