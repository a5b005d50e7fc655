import { type Connection, type Request, request, type SentMessage } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { type Message, message, NLM_F } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { encodeCommand } from '../nftables/batch/encode-command.ts'
import { type ChainSpec, type NamedSet, type NftCommand, rule, type Statement } from '../nftables/index.ts'
import { flowtableMessage } from '../nftables/messages/flowtable.ts'
import { batchMessage, batchTypes } from '../nftables/messages/generation.ts'
import { headerOf, messageTypes, nfgenmsg } from '../nftables/messages/header.ts'
import { SystemError } from '../sys/errno.ts'
import { type Finding, findingOf, missing, type Question } from './answer.ts'
import type { Place } from './place.ts'

/**
 * Theory of operation. A feature of nf_tables is asked for by a batch that uses it: a table, a chain, and last what the
 * question is about. The kernel goes on after a refusal and names the refused message, so that a refusal of the last
 * one means the feature, and one of those before it means that the question could not be asked.
 */

const where = { family: 'inet', table: 'probe' } as const
const tableAdd: NftCommand = { type: 'table.add', ...where }
const chainAdd = (chain: ChainSpec): NftCommand => ({ type: 'chain.add', ...where, chain })

const edge = (name: 'NFNL_MSG_BATCH_BEGIN' | 'NFNL_MSG_BATCH_END'): Request =>
  request(name, batchTypes[name], 0, batchMessage, {
    header: { family: 0, version: 0, resourceId: batchTypes.subsystem },
    attributes: {},
  })

/** The refusals of a batch by the number of the message, in which 0 is the batch itself. */
const refusalsOf = (connection: Connection, items: readonly Request[]): NetlinkError[] => {
  const writer = new Writer(2048)
  const sent: SentMessage[] = [edge('NFNL_MSG_BATCH_BEGIN'), ...items, edge('NFNL_MSG_BATCH_END')].map(item =>
    connection.write(writer, item, item.flags | NLM_F.request),
  )
  connection.send(writer.bytes)
  const refusals: NetlinkError[] = []
  connection.collect(writer.bytes, sent, false, (_, result) => {
    if (result instanceof NetlinkError) refusals.push(result)
  })
  return refusals
}

/** What a batch's refusals say of its last message. */
export const batchFinding = (
  refusals: readonly NetlinkError[],
  last: number,
  meansNo: readonly string[],
): Finding => {
  const first = refusals[0]
  return first === undefined || first.request === last
    ? findingOf(first, meansNo)
    : { unclear: first.message }
}

const ask = (
  { netfilter }: Place,
  commands: readonly NftCommand[],
  meansNo: readonly string[],
  more: readonly Request[] = [],
): Finding => {
  let setId = 0
  const items = [...commands.flatMap(command => encodeCommand(command, () => ++setId)), ...more]
  return batchFinding(refusalsOf(netfilter, items), items.length, meansNo)
}

/** Whether there is nf_tables at all: without it the kernel refuses the socket, or the batch. Equivalent to: `nft add table inet probe` */
export const firewall: Question = place => {
  try {
    const [refusal] = refusalsOf(
      place.netfilter,
      encodeCommand(tableAdd, () => 1),
    )
    return findingOf(refusal)
  } catch (error) {
    // NETLINK_NETFILTER itself is a part that a kernel may lack.
    if (error instanceof SystemError && error.code === 'EPROTONOSUPPORT')
      return { refused: error.message, option: 'CONFIG_NETFILTER_NETLINK' }
    throw error
  }
}

/** Chains to ask in, named by where they are. */
export const forward: ChainSpec = { name: 'forward', type: 'filter', hook: 'forward' }
export const prerouting: ChainSpec = { name: 'prerouting', type: 'filter', hook: 'prerouting' }
export const natPrerouting: ChainSpec = { name: 'nat-prerouting', type: 'nat', hook: 'prerouting' }
export const natPostrouting: ChainSpec = { name: 'nat-postrouting', type: 'nat', hook: 'postrouting' }

/** Equivalent to: `nft add chain inet probe NAME { type TYPE hook HOOK priority 0; }` */
export const baseChain =
  (chain: ChainSpec): Question =>
  place =>
    ask(place, [tableAdd, chainAdd(chain)], missing)

/** The statement is made when it is asked for, not when this program starts. Equivalent to: `nft add rule inet probe CHAIN STATEMENT` */
export const statement =
  (asked: () => Statement, chain = forward, meansNo = missing): Question =>
  place =>
    ask(
      place,
      [tableAdd, chainAdd(chain), { type: 'rule.add', ...where, chain: chain.name, rule: rule([asked()]) }],
      meansNo,
    )

/** For parts of nf_tables itself that came later: an older one takes them for a mistake. */
export const missingOrStrange: readonly string[] = [...missing, 'EINVAL']

/** Equivalent to: `nft add set inet probe …` */
export const namedSet =
  (set: NamedSet): Question =>
  place =>
    ask(place, [tableAdd, { type: 'set.add', ...where, set }], missingOrStrange)

/** Equivalent to: `nft add flowtable inet probe probe '{ hook ingress priority 0; devices = { lo }; }'` */
export const flowtable: Question = place =>
  ask(place, [tableAdd], missing, [
    request('NFT_MSG_NEWFLOWTABLE', messageTypes.NFT_MSG_NEWFLOWTABLE, NLM_F.create, flowtableMessage, {
      header: headerOf('inet'),
      attributes: { table: 'probe', name: 'probe', hook: { number: 0, priority: 0, devices: ['lo'] } },
    }),
  ])

/** IPCTNL_MSG_CT_GET_STATS of NFNL_SUBSYS_CTNETLINK (linux/netfilter/nfnetlink_conntrack.h): it takes no attributes. */
const statisticsMessage: Message<{ family: number; version: number; resourceId: number }, object> = message(
  'NFCT',
  nfgenmsg,
  {},
)
const IPCTNL_MSG_CT_GET_STATS = (1 << 8) | 5

/** Whether the list of connections can be read: an unknown part of nfnetlink is EINVAL. Equivalent to: `conntrack --stats` */
export const connectionList: Question = ({ netfilter }) => {
  const item = request('IPCTNL_MSG_CT_GET_STATS', IPCTNL_MSG_CT_GET_STATS, 0, statisticsMessage, {
    header: headerOf(undefined),
    attributes: {},
  })
  const [result] = netfilter.executeAll([item])
  return findingOf(result instanceof NetlinkError ? result : undefined, missingOrStrange)
}
