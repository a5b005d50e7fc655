import { dnat, match, tcp } from '../../linux/nftables/index.ts'
import { network } from '../places.ts'
import { listen } from './listen.ts'
import type { Scenario } from './scenario.ts'

const { space, uplink } = network
const inbound = { protocol: 'tcp', port: space.publishedPort } as const
const otherAddress = '192.168.1.33'

/** Published ports, sizes, and natspace's own state. */
export const serviceScenarios: readonly Scenario[] = [
  {
    code: 'PUB-NOLISTEN',
    title: 'no program listens at the published port',
    inbound,
    inject: () => {},
  },
  {
    code: 'PUB-LISTENLO',
    title: 'the program listens on 127.0.0.1 only',
    inbound,
    inject: world => listen(world, world.inside, '127.0.0.1', space.port),
  },
  {
    code: 'PUB-NONE',
    title: 'the port that is asked for is not published',
    inbound: { protocol: 'tcp', port: 9999 },
    inject: world => listen(world, world.inside, '0.0.0.0', 9999),
  },
  {
    code: 'PUB-STOLEN',
    title: 'another tool leads the published port elsewhere',
    inbound,
    inject: world => {
      listen(world, world.inside, '0.0.0.0', space.port)
      world.table(undefined, {
        family: 'ip',
        table: 'thief',
        chains: [
          {
            name: 'in',
            hook: 'prerouting',
            type: 'nat',
            priority: -110,
            policy: 'accept',
            rules: [
              [match(tcp('dport'), space.publishedPort), dnat('ip', { address: '192.168.45.99', port: 80 })],
            ],
          },
        ],
      })
    },
  },
  {
    code: 'PUB-INUSE',
    title: 'a program of the host listens at the published port',
    inject: world => listen(world, undefined, '0.0.0.0', space.publishedPort),
  },
  {
    code: 'PUB-HOSTIP',
    title: 'the address on which a port is published goes away',
    spec: { publish: [`${otherAddress}:8080:80`] },
    before: world => {
      const { name, index } = world.link(undefined, uplink)
      const address = { where: undefined, name, index, address: otherAddress, prefixLength: 32 }
      world.change({ type: 'address.add', ...address })
    },
    inject: world => {
      const { name, index } = world.link(undefined, uplink)
      const address = { where: undefined, name, index, address: otherAddress, prefixLength: 32 }
      world.change({ type: 'address.delete', ...address })
      world.later(() => world.kernel.change([{ type: 'address.add', ...address }]))
    },
  },
  {
    code: 'MTU-EGRESS',
    title: 'the uplink carries less than the cable',
    inject: world => world.setLink(undefined, uplink, { mtu: 1400 }),
  },
  {
    code: 'MTU-INGRESS',
    title: 'the host end carries less than the inner end',
    inject: world => world.setLink(undefined, space.hostInterface, { mtu: 1400 }),
  },
]
