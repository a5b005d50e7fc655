import { networkOf } from '../../linux/net/prefix.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { observeProbe } from '../trace/observe.ts'
import { type Story, storyOf } from '../trace/story.ts'
import type { Facts } from './facts.ts'

/** Milliseconds that an answer is waited for, unless told. */
const usualPatience = 2000

/**
 * Sends one probe from inside and tells its story; undefined where the cable does not end at this host, or when `pause`
 * ended it. Throws as `observeProbe`.
 */
export const probeStory = async (
  facts: Facts,
  { patience = usualPatience, pause }: { patience?: number; pause?: () => Promise<boolean> },
): Promise<Story | undefined> => {
  const space = asSpace(facts)
  if (space === undefined) return undefined
  const { family, protocol, address, port } = facts.destination
  const target = { family, protocol, address, ...(port === undefined ? {} : { port }) }
  const seen = await observeProbe(facts.kernel, space, target, {
    timeout: patience,
    ...(pause === undefined ? {} : { pause }),
  })
  return seen === undefined ? undefined : storyOf(seen)
}

/** A namespace that somebody else connected, as far as tracing has to know it: its links and addresses. */
export const asSpace = (facts: Facts): ResolvedSpace | undefined => {
  const { subject, cable, router, inside } = facts
  if (subject.space !== undefined && cable.bridge === undefined) return subject.space
  if (cable.inner === undefined || router === undefined || facts.source === undefined) return undefined
  const addressOf = (family: 4 | 6) =>
    facts.addressesOf(inside, cable.inner).find(item => item.family === family && !/^fe80/.test(item.address))
  const gatewayOf = (family: 4 | 6) =>
    facts.addressesOf(undefined, router).find(item => item.family === family)?.address
  const [ipv4, ipv6] = [addressOf(4), addressOf(6)]
  const cableOf = (found: typeof ipv4, gateway: string | undefined) => {
    const { address = '', prefixLength = 0 } = found ?? {}
    return {
      address,
      gateway: gateway ?? '',
      prefixLength,
      network: networkOf(`${address}/${prefixLength}`) ?? '',
    }
  }
  return {
    name: subject.name,
    namespacePath: inside,
    hostInterface: router.name,
    interface: cable.inner.name,
    ...cableOf(ipv4, gatewayOf(4)),
    ...(ipv6 === undefined ? {} : { ipv6: cableOf(ipv6, gatewayOf(6)) }),
    publish: [],
    mtu: cable.inner.mtu,
    internal: false,
    connect: [],
    host: 'all',
    metadata: true,
    fixFirewall: false,
  }
}
