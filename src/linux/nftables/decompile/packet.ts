import { numberOrBigint, type Scalar } from '../datatypes/datatype.ts'
import { etherType, inetProtocol } from '../datatypes/index.ts'
import type { PayloadBase } from '../expressions/payload.ts'
import type { Family } from '../family.ts'
import { type HeaderName, headerOf, headers } from '../headers/headers.ts'
import type { Operand } from '../syntax/operand.ts'
import type { Statement } from '../syntax/statement.ts'

/**
 * What is known of the packet at a point of a rule, from the table's family and from the matches so far; and which of
 * these matches say no more than a later one implies, so that nft leaves them out: `meta l4proto tcp` in front of
 * `tcp dport 80`.
 */
export class PacketKnowledge {
  readonly family: Family
  readonly statements: Statement[]
  #known: Partial<Record<PayloadBase, HeaderName>> = {}
  #dependencies: Partial<Record<'link' | 'network' | 'transport' | 'icmp', Statement>> = {}
  #icmpType: Scalar | undefined

  constructor(family: Family, statements: Statement[]) {
    this.family = family
    this.statements = statements
    if (family === 'ip' || family === 'ip6' || family === 'arp') this.#known.network = family
    if (family === 'bridge' || family === 'netdev') this.#known.link = 'ether'
  }

  header(base: PayloadBase): HeaderName | undefined {
    return this.#known[base]
  }

  /** The value of the last match on the type of an ICMP message. */
  get icmpType(): Scalar | undefined {
    return this.#icmpType
  }

  /** Takes note of a match for equality that was put into the rule. */
  learn(statement: Statement, left: Operand, value: Scalar): void {
    if (left.kind === 'meta') this.#learnMeta(statement, left.key, value)
    else if (left.kind === 'payload') this.#learnPayload(statement, left.header, left.field, value)
  }

  #learnMeta(statement: Statement, key: string, value: Scalar): void {
    if (key === 'nfproto') {
      const header = value === 'ipv4' ? 'ip' : value === 'ipv6' ? 'ip6' : undefined
      if (header !== undefined) this.#depend('network', statement, header)
    } else if (key === 'protocol') {
      const header = headerByEtherType(value)
      if (header !== undefined) this.#depend('network', statement, header)
    } else if (key === 'l4proto') this.#learnProtocol(statement, value)
    else if (key === 'iiftype' && value === 'ether') this.#depend('link', statement, 'ether')
  }

  #learnPayload(statement: Statement, header: HeaderName, field: string, value: Scalar): void {
    if ((header === 'ip' && field === 'protocol') || (header === 'ip6' && field === 'nexthdr'))
      this.#learnProtocol(statement, value)
    else if ((header === 'ether' || header === 'vlan') && field === 'type') {
      const next = headerByEtherType(value)
      if (next === 'vlan') this.#depend('link', statement, 'vlan')
      else if (next !== undefined) this.#depend('network', statement, next)
    } else if ((header === 'icmp' || header === 'icmpv6') && field === 'type') {
      this.#icmpType = value
      this.#dependencies.icmp = statement
    }
  }

  #learnProtocol(statement: Statement, value: Scalar): void {
    const header = headerByProtocol(value)
    this.#dependencies.transport = statement
    if (header === undefined) delete this.#known.transport
    else this.#known.transport = header
  }

  #depend(layer: 'link' | 'network', statement: Statement, header: HeaderName): void {
    this.#known[layer] = header
    this.#dependencies[layer] = statement
  }

  /** A header's field is used: what only said that this header is there goes. */
  use(header: HeaderName, field: string): void {
    const { base, family } = headerOf(header)
    if (base === 'link') {
      if (header !== 'vlan' || field !== 'type') this.#drop('link')
    } else if (base === 'network') this.#drop('network')
    else if (base === 'transport') {
      if (!this.#isKept(this.#dependencies.transport)) this.#drop('transport')
      if (family !== undefined && header !== 'igmp' && this.#isOutside(this.#dependencies.network))
        this.#drop('network')
    }
  }

  /** The address family is said by something else: what only said so goes. */
  useFamily(): void {
    if (this.#isOutside(this.#dependencies.network)) this.#drop('network')
  }

  /** `reject with tcp reset` says that the packet is TCP, and nft leaves that out where the address family is fixed. */
  useTcpReset(): void {
    if (this.family === 'ip' || this.family === 'ip6') this.#drop('transport')
  }

  /** The type of an ICMP message is said by one of its fields. */
  useIcmpType(): void {
    this.#drop('icmp')
  }

  /** `ip protocol tcp` also says that the packet is IPv4; where that is not known otherwise it has to stay. */
  #isKept(statement: Statement | undefined): boolean {
    const left = statement?.kind === 'match' ? statement.left : undefined
    const families: readonly Family[] = ['inet', 'bridge', 'netdev']
    return left?.kind === 'payload' && families.includes(this.family)
  }

  /** Said by something outside of the network header itself: `meta nfproto`, `ether type`. */
  #isOutside(statement: Statement | undefined): boolean {
    const left = statement?.kind === 'match' ? statement.left : undefined
    return left?.kind === 'meta' || (left?.kind === 'payload' && headerOf(left.header).base === 'link')
  }

  #drop(layer: 'link' | 'network' | 'transport' | 'icmp'): void {
    const statement = this.#dependencies[layer]
    if (statement === undefined) return
    delete this.#dependencies[layer]
    const index = this.statements.indexOf(statement)
    if (index >= 0) this.statements.splice(index, 1)
  }
}

const names = Object.keys(headers) as HeaderName[]

const headerByEtherType = (value: Scalar): HeaderName | undefined => {
  const number = numberOrBigint(etherType.toInteger(value))
  return names.find(name => headerOf(name).etherType === number)
}

const headerByProtocol = (value: Scalar): HeaderName | undefined => {
  const number = numberOrBigint(inetProtocol.toInteger(value))
  return names.find(name => headerOf(name).protocol === number)
}
