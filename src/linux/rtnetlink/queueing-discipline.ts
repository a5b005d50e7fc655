import { DecodeError } from '../netlink/codec.ts'
import { attributes, struct } from '../netlink/composite.ts'
import { type Connection, type Request, request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { bytes, cstring, i32, u8, u16, u32, u64 } from '../netlink/scalars.ts'
import { type TokenBucket, tokenBucketOptions, toTokenBucket, toTokenBucketOptions } from './token-bucket.ts'
import { RTM } from './types.ts'

/** RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC. struct tcmsg, linux/rtnetlink.h. Equivalent to: `tc qdisc …` */

const header = struct({ family: u8, pad: u8, pad2: u16, index: i32, handle: u32, parent: u32, info: u32 })

/** TCA_STATS_* of linux/gen_stats.h. */
const statistics = attributes({
  /** struct gnet_stats_basic. */
  basic: [1, struct({ bytes: u64, packets: u32, pad: u32 }), 'TCA_STATS_BASIC'],
  /** struct gnet_stats_queue: packets and bytes that wait, and what became of others. */
  queue: [
    3,
    struct({ length: u32, backlog: u32, drops: u32, requeues: u32, overlimits: u32 }),
    'TCA_STATS_QUEUE',
  ],
})

/** The schema of the queueing disciplines of all kinds: what the options hold depends on the kind. */
export const queueingDisciplineMessage = message('struct tcmsg', header, {
  kind: [1, cstring, 'TCA_KIND'],
  options: [2, bytes, 'TCA_OPTIONS'],
  statistics: [7, statistics, 'TCA_STATS2'],
} as const)
export type QueueingDisciplineMessage = MessageOf<typeof queueingDisciplineMessage>

/** The schema of a request for a token bucket: so the kernel's objections are traced to the option they mean. */
export const tokenBucketMessage = message('struct tcmsg', header, {
  kind: [1, cstring, 'TCA_KIND'],
  options: [2, tokenBucketOptions, 'TCA_OPTIONS'],
} as const)

/** TC_H_ROOT, linux/pkt_sched.h: the parent of what stands at the root of a link. */
export const rootParent = 0xffffffff

/** One queueing discipline of a link. */
export type QueueingDiscipline = {
  /** Index of the link. */
  index: number
  /** 'noqueue', 'tbf', 'fq_codel', … */
  kind: string
  /** The number that tc(8) writes in front of a colon: `0x8001` is `8001:`. 0 is one that the kernel put there by default. */
  handle: number
  /** Whether it stands at the root of the link, where all that leaves passes. */
  root: boolean
  /** What it does, where it is of kind tbf. */
  tokenBucket: TokenBucket | undefined
  /** What passed and what did not; undefined where the kernel gave none. */
  counters: QueueingCounters | undefined
}

export type QueueingCounters = {
  sentBytes: bigint
  sentPackets: number
  /** Packets that found the queue full, or were too long. */
  drops: number
  /** How often a packet had to wait for the rate. */
  overlimits: number
  /** Bytes that wait. */
  backlog: number
}

/** A queueing discipline from its message. */
export const toQueueingDiscipline = (found: QueueingDisciplineMessage): QueueingDiscipline => {
  const { header, attributes } = found
  const { kind = '', options, statistics } = attributes
  const { basic, queue } = statistics ?? {}
  return {
    index: header.index,
    kind,
    handle: header.handle >>> 16,
    root: header.parent === rootParent,
    tokenBucket: kind === 'tbf' && options !== undefined ? readTokenBucket(options) : undefined,
    counters:
      basic === undefined || queue === undefined
        ? undefined
        : {
            sentBytes: basic.bytes,
            sentPackets: basic.packets,
            drops: queue.drops,
            overlimits: queue.overlimits,
            backlog: queue.backlog,
          },
  }
}

const readTokenBucket = (options: Uint8Array): TokenBucket | undefined => {
  try {
    return toTokenBucket(tokenBucketOptions.decode(options, 0, options.length))
  } catch (error) {
    throw error instanceof DecodeError ? error.within('TCA_OPTIONS') : error
  }
}

const emptyHeader = { family: 0, pad: 0, pad2: 0, index: 0, handle: 0, parent: 0, info: 0 }

/** All queueing disciplines of all links. Equivalent to: `tc -s qdisc show` */
export const listQueueingDisciplines = (): Request =>
  request('RTM_GETQDISC', RTM.getQueueingDiscipline, 0, queueingDisciplineMessage, {
    header: emptyHeader,
    attributes: {},
  })

/** All queueing disciplines of all links, read; [] of a kernel without traffic control (CONFIG_NET_SCHED). */
export const readQueueingDisciplines = (connection: Pick<Connection, 'dump'>): QueueingDiscipline[] => {
  try {
    return connection.dump(listQueueingDisciplines(), queueingDisciplineMessage).map(toQueueingDiscipline)
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP') return []
    throw error
  }
}

/** The discipline at the root of a link, by its number (see QueueingDiscipline.handle). */
export type RootDiscipline = { index: number; handle: number }

const rootHeader = ({ index, handle }: RootDiscipline) => ({
  ...emptyHeader,
  index,
  // The minor number of a discipline is 0; those of its classes are others.
  handle: (handle << 16) >>> 0,
  parent: rootParent,
})

/**
 * Puts a token bucket at the root of a link, in the place of whatever is there; one of the same number is only changed, and
 * keeps its counters. ENOENT if the kernel has no tbf. Equivalent to:
 * `tc qdisc replace dev NAME root handle HANDLE: tbf rate RATE burst BYTES limit BYTES`
 */
export const replaceTokenBucket = (change: RootDiscipline & TokenBucket): Request =>
  request('RTM_NEWQDISC', RTM.newQueueingDiscipline, NLM_F.create | NLM_F.replace, tokenBucketMessage, {
    header: rootHeader(change),
    attributes: { kind: 'tbf', options: toTokenBucketOptions(change) },
  })

/**
 * Puts a discipline of a kind at the root of a link, with nothing said about it, which not every kind accepts (EINVAL).
 * Equivalent to: `tc qdisc replace dev NAME root KIND`
 */
export const replaceDiscipline = (index: number, kind: string): Request =>
  request(
    'RTM_NEWQDISC',
    RTM.newQueueingDiscipline,
    NLM_F.create | NLM_F.replace,
    queueingDisciplineMessage,
    { header: rootHeader({ index, handle: 0 }), attributes: { kind } },
  )

/**
 * Takes the discipline of that number from the root of a link, which gets its default one again. EINVAL when another is
 * there. Equivalent to: `tc qdisc delete dev NAME root handle HANDLE:`
 */
export const deleteDiscipline = (change: RootDiscipline): Request =>
  request('RTM_DELQDISC', RTM.deleteQueueingDiscipline, 0, queueingDisciplineMessage, {
    header: rootHeader(change),
    attributes: {},
  })
