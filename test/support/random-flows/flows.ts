/** Flows from spaces to the outside, to the host and to each other, made at random. */
import type { ProbeTarget } from '../../../src/insight/trace/probe.ts'
import type { Random } from '../random-ruleset.ts'
import { ports } from './rulesets.ts'
import { addresses, type FlowStage, type SpaceName, spaceNames } from './stage.ts'

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
