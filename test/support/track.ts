/** Lets connection tracking know flows of which no packet was ever seen. */
import { type FlowFacts, newFlow } from '../../src/linux/conntrack/index.ts'
import { conntrackMessage, messageTypes } from '../../src/linux/conntrack/message.ts'
import { tupleAttributes } from '../../src/linux/conntrack/tuple.ts'
import type { FakeMachine } from '../../src/linux/fake/machine.ts'
import { FakeKernel } from '../../src/linux/fake.ts'
import { Connection, request } from '../../src/linux/netlink/connection.ts'
import { NLM_F } from '../../src/linux/netlink/message.ts'
import { NETLINK_NETFILTER } from '../../src/linux/nftables/index.ts'
import { openNamespace } from '../../src/linux/sys/namespace.ts'

/** What of a flow can be said; not TCP, whose state would have to be said too. */
export type Tracked = Pick<FlowFacts, 'original' | 'reply' | 'mark' | 'zone'>

/** Adds a flow in a namespace. */
export type Track = (flow: Tracked, where: string) => void

/** On the real kernel, for five minutes. Equivalent to: `conntrack -I …` */
export const track: Track = (facts, where) => {
  using namespace = openNamespace(where)
  using connection = Connection.open(NETLINK_NETFILTER, { namespace: namespace.number })
  const { family, original, reply, mark, zone } = newFlow(facts, 0)
  connection.execute([
    request(
      'IPCTNL_MSG_CT_NEW',
      messageTypes.IPCTNL_MSG_CT_NEW,
      NLM_F.create | NLM_F.exclusive,
      conntrackMessage,
      {
        header: { family: family === 4 ? 2 : 10, version: 0, resourceId: 0 },
        attributes: {
          original: tupleAttributes(original),
          reply: tupleAttributes(reply),
          timeout: 300,
          ...(mark === 0 ? {} : { mark }),
          ...(zone === 0 ? {} : { zone }),
        },
      },
    ),
  ])
}

/** On a machine in memory. */
export const fakeTrack =
  (machine: FakeMachine): Track =>
  (facts, where) => {
    new FakeKernel(machine).addFlow(facts, { where })
  }
