import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { Reply } from '../../linux/netlink/connection.ts'
import { verdictCodes } from '../../linux/nftables/expressions/data.ts'
import { familyName } from '../../linux/nftables/family.ts'
import { type Family, multicastGroups, traceMessage } from '../../linux/nftables/index.ts'
import { messageTypes } from '../../linux/nftables/messages/header.ts'
import type { Owner } from '../../space/firewall/owner.ts'
import { EventSocket } from './event-socket.ts'
import { HeaderMemory } from './header-memory.ts'
import type { PacketHeader } from './packet-header.ts'
import { type BaseChain, type TracedRule, TraceRuleset } from './trace-ruleset.ts'
import { entryChain, isTraceTable } from './trace-table.ts'

/**
 * Theory of operation. The kernel sends an event for each rule that applied to a traced packet, for each chain that came
 * to its end, and for each policy that was asked. An event names table, chain and handle of the rule, and not the hook;
 * but of a base chain the ruleset knows the hook, and a packet comes to any other chain only by a jump from a base chain,
 * whose rule was told before. Headers, interfaces and the connection come with the first event of a base chain alone.
 */

/** What a rule or a policy said. A chain is named by jump and goto. */
export type TraceVerdict = { name: keyof typeof verdictCodes | 'stolen' | 'unknown'; chain?: string }

/** An interface of the namespace; the name is undefined when it is gone already. */
export type TraceInterface = { index: number; name: string | undefined }

/** What connection tracking says of the packet (Linux 6.16 and later tell it). */
export type TraceConnection = {
  /** That of the flow in the list of connections: `Flow.id`. */
  id: number | undefined
  direction: 'original' | 'reply' | undefined
  /** Bits of `flowStatus`. */
  status: number | undefined
  state: 'invalid' | 'established' | 'related' | 'new' | 'untracked' | undefined
}

/** One step of a traced packet through the rules of a namespace. */
export type TraceStep = {
  type: 'step'
  /** `rule`: a rule applied; `end`: a chain came to its end; `policy`: a base chain's policy decided. */
  kind: 'rule' | 'end' | 'policy'
  /** The same in all steps of one packet; a later packet may get it again. */
  id: number
  family: Family
  table: string
  chain: string
  /** The base chain in which the packet is; undefined when its rules are not known any more. */
  base: BaseChain | undefined
  owner: Owner | undefined
  /** Handle of the rule; of a rule that is not known any more this is all there is. */
  handle: bigint | undefined
  rule: TracedRule | undefined
  verdict: TraceVerdict
  /** It is a step through our own tracing table, which changes nothing. */
  isOwn: boolean
  /** IP version of the packet; undefined for what is not IP. */
  version: 4 | 6 | undefined
  mark: number
  /** These come with a packet's first step in each base chain. */
  header: PacketHeader | undefined
  input: TraceInterface | undefined
  output: TraceInterface | undefined
  connection: TraceConnection | undefined
}

/** A step, or a gap: the kernel dropped events at this place. */
export type TraceEvent = TraceStep | { type: 'lost' }

/** More packets than these are never under way at once; what is remembered of older ones is given up. */
const mostPackets = 10_000

/** Follows the traced packets of one namespace. Equivalent to: `nft monitor trace` */
export class TraceWatcher implements Disposable {
  readonly rules: TraceRuleset
  readonly #socket: EventSocket
  /** In which base chain each packet is. */
  readonly #places = new Map<number, BaseChain>()
  readonly #headers = new HeaderMemory()

  private constructor(socket: EventSocket, rules: TraceRuleset) {
    this.#socket = socket
    this.rules = rules
  }

  /** Subscribes, and reads the ruleset. Throws SystemError (EPERM), NamespaceError, and what `Kernel.ruleset` throws. */
  static open(kernel: Kernel, where: Where): TraceWatcher {
    const socket = EventSocket.open(where, [multicastGroups.NFNLGRP_NFTRACE])
    try {
      return new TraceWatcher(socket, new TraceRuleset(kernel, where))
    } catch (error) {
      socket[Symbol.dispose]()
      throw error
    }
  }

  /** To wait for events with `waitReadable`. */
  get descriptor(): number {
    return this.#socket.descriptor
  }

  /** What has come by now, in order, or the first `most` of it; does not wait. Throws SystemError, ProtocolError, DecodeError. */
  read(most?: number): TraceEvent[] {
    const events: TraceEvent[] = []
    for (const event of this.#socket.read(most)) {
      const step = event === 'lost' ? ({ type: 'lost' } as const) : this.#step(event)
      // After a gap nobody knows where the packets are.
      if (step?.type === 'lost') this.#places.clear()
      if (step !== undefined) events.push(step)
    }
    return events
  }

  #step({ type, payload }: Reply): TraceStep | undefined {
    if (type !== messageTypes.NFT_MSG_TRACE) return undefined
    const { header: message, attributes } = traceMessage.decode(payload, 0, payload.length)
    const family = familyName(message.family)
    if (family === undefined) return undefined
    const { id = 0, table = '', chain = '', ruleHandle: handle, iif, oif, mark = 0 } = attributes
    const name = { family, table, chain }
    const isOwn = isTraceTable({ family, name: table })
    const known = this.rules.chain(name)
    const entry =
      isOwn && attributes.networkHeader !== undefined ? entryChain(chain, iif !== undefined) : undefined
    const base =
      known?.base ?? (entry === undefined ? undefined : this.rules.chain({ ...name, chain: entry })?.base)
    if (base !== undefined) this.#enter(id, base)
    // The first step in a base chain that is gone: where the packet was before, it is no more.
    else if (known === undefined && attributes.networkHeader !== undefined) this.#places.delete(id)
    return {
      type: 'step',
      kind: attributes.type === 'policy' ? 'policy' : handle === undefined ? 'end' : 'rule',
      id,
      family,
      table,
      chain,
      base: base ?? this.#places.get(id),
      owner: known?.owner,
      handle,
      rule: handle === undefined ? undefined : this.rules.rule(name, handle),
      verdict: verdictOf(attributes),
      isOwn,
      version: attributes.family === NFPROTO_IPV4 ? 4 : attributes.family === NFPROTO_IPV6 ? 6 : undefined,
      mark,
      header: this.#headers.decode(id, {
        link: attributes.linkHeader,
        network: attributes.networkHeader,
        transport: attributes.transportHeader,
      }),
      input: this.#interface(iif),
      output: this.#interface(oif),
      connection: connectionOf(attributes),
    }
  }

  #enter(id: number, base: BaseChain): void {
    if (this.#places.size >= mostPackets) this.#places.clear()
    this.#places.set(id, base)
  }

  #interface(index: number | undefined): TraceInterface | undefined {
    return index === undefined ? undefined : { index, name: this.rules.interfaceName(index) }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

const NFPROTO_IPV4 = 2
const NFPROTO_IPV6 = 10
const NF_STOLEN = 2

type Attributes = ReturnType<typeof traceMessage.decode>['attributes']

const names = new Map<number, keyof typeof verdictCodes>(
  (Object.keys(verdictCodes) as (keyof typeof verdictCodes)[]).map(name => [verdictCodes[name], name]),
)

/** A policy has its own attribute; of a queue the number, and of a drop an errno, stand in the upper half. */
const verdictOf = ({ verdict, policy }: Attributes): TraceVerdict => {
  if (policy !== undefined) return { name: names.get(policy) ?? 'unknown' }
  const { code, chain } = verdict ?? {}
  if (code === undefined) return { name: 'unknown' }
  const plain = code < 0 ? code : code & 0xff
  const name = plain === NF_STOLEN ? 'stolen' : (names.get(plain) ?? 'unknown')
  return { name, ...(chain === undefined ? {} : { chain }) }
}

/** Bits as `ct state` has them: NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h. */
const states = [
  [1, 'invalid'],
  [2, 'established'],
  [4, 'related'],
  [8, 'new'],
  [64, 'untracked'],
] as const

const connectionOf = (attributes: Attributes): TraceConnection | undefined => {
  const {
    connectionState: bits,
    connectionId: id,
    connectionStatus: status,
    connectionDirection,
  } = attributes
  if (bits === undefined && id === undefined) return undefined
  return {
    id,
    direction:
      connectionDirection === undefined ? undefined : connectionDirection === 0 ? 'original' : 'reply',
    status,
    state: states.find(([bit]) => ((bits ?? 0) & bit) !== 0)?.[1],
  }
}
