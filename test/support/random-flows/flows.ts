/** Flows from spaces to the outside, to the host and to each other, made at random. */
import type { ProbeTarget } from '../../../src/insight/trace/probe.ts'
import type { Random } from '../random-ruleset.ts'
import { ports } from './rulesets.ts'
import { addresses, type FlowStage, type SpaceName, spaceNames } from './stage.ts'

/** A visit from host2 to a published port. */
export type Visit = {
  source: string
  target: ProbeTarget & { protocol: 'tcp' | 'udp'; port: number }
  sourcePort: number
}

/** A probe from a space. `sourcePort` tells it from all others. */
export type Flow = { space: SpaceName; target: ProbeTarget; sourcePort: number }

let nextPort = 33_000

export const randomFlow = (random: Random, stage: FlowStage): Flow => {
  const space = random.of(['flows-plain', 'flows-plain', 'flows-plain', ...spaceNames] as const)
  const family = random.of([4, 4, 4, 6] as const)
  const protocol = random.of(['icmp', 'tcp', 'tcp', 'udp', 'udp'] as const)
  const { host2, second, far, host, absent } = addresses[family]
  const peer = stage.space(random.of(spaceNames))
  const own = stage.space(space)
  const address = random.of([
    host2,
    host2,
    host2,
    host2,
    second,
    second,
    far,
    far,
    random.of([
      host,
      (family === 4 ? own.gateway : own.ipv6?.gateway) ?? host,
      absent,
      (family === 4 ? peer.address : peer.ipv6?.address) ?? host,
    ]),
  ])
  const port = protocol === 'icmp' ? {} : { port: random.of(ports[protocol]) }
  return { space, target: { family, protocol, address, ...port }, sourcePort: nextPort++ }
}

export const randomVisit = (random: Random): Visit => {
  const family = random.of([4, 4, 6] as const)
  const protocol = random.of(['tcp', 'udp'] as const)
  const { host, spare, host2 } = addresses[family]
  const port = random.of(protocol === 'tcp' ? [8080, 8080, 8081, 8082] : [8053, 8053, 8054, 8055])
  return {
    source: host2,
    target: { family, protocol, address: random.of([host, host, host, spare]), port },
    sourcePort: nextPort++,
  }
}
