import type { Instruction } from '../expressions/index.ts'
import type { Family } from '../family.ts'
import { type HeaderName, headerOf } from '../headers/headers.ts'

/**
 * Theory of operation. The kernel runs a rule as instructions over sixteen registers of four bytes (or four of sixteen,
 * which are the same memory). A header's bytes mean something only in packets that have this header; so in front of the
 * first use of a header a program tests for it, exactly as nft does, and remembers what is known from then on: that is
 * also what lets nft print the rule without these tests.
 */

/** A rule cannot be carried out as it is written: it contradicts itself or its table's family. */
export class CompileError extends Error {
  override readonly name = 'CompileError'
}

/** The number of a register: those at a multiple of sixteen bytes go by NFT_REG_1 to 4, others by NFT_REG32_n. */
export const registerNumber = (index: number): number => (index % 4 === 0 ? index / 4 + 1 : index + 8)

/** The 32-bit index at which a register begins; undefined for the verdict register and numbers out of range. */
export const registerIndex = (number: number): number | undefined => {
  if (number >= 1 && number <= 4) return (number - 1) * 4
  return number >= 8 && number <= 23 ? number - 8 : undefined
}

/** 32-bit registers that so many bytes take. */
export const registersFor = (bytes: number): number => Math.ceil(bytes / 4)

const networkByFamily: Partial<Record<Family, HeaderName>> = { ip: 'ip', ip6: 'ip6', arp: 'arp' }

/** The instructions of one rule while they are made, and what is known of the packet at their end. */
export class Program {
  readonly family: Family
  readonly instructions: Instruction[] = []
  /** The header known to be at each layer. */
  #link: HeaderName | undefined
  #network: HeaderName | undefined
  #transport: number | undefined
  #icmpType: number | undefined

  constructor(family: Family) {
    this.family = family
    this.#network = networkByFamily[family]
    if (family === 'bridge' || family === 'netdev') this.#link = 'ether'
  }

  emit(...instructions: Instruction[]): void {
    this.instructions.push(...instructions)
  }

  /** Remembers what an explicit match says about the packet's headers. */
  learn(facts: {
    network?: HeaderName | undefined
    transport?: number | undefined
    link?: HeaderName
    icmpType?: number
  }): void {
    if (facts.network !== undefined) this.#network = facts.network
    if (facts.transport !== undefined) this.#transport = facts.transport
    if (facts.link !== undefined) this.#link = facts.link
    if (facts.icmpType !== undefined) this.#icmpType = facts.icmpType
  }

  /** Makes sure that the packet has a header, by a test unless that is known. Throws CompileError on a contradiction. */
  needHeader(name: HeaderName): void {
    const header = headerOf(name)
    if (header.base === 'link') this.#needLink(name)
    else if (header.base === 'network') this.#needNetwork(name)
    else {
      if (header.family !== undefined) this.#needNetwork(header.family)
      if (header.protocol !== undefined) this.#needTransport(name, header.protocol)
    }
  }

  #needLink(name: HeaderName): void {
    if (this.#link === undefined) {
      if (this.family === 'arp') throw new CompileError('An arp table cannot look at the Ethernet header')
      this.#test('iiftype', Uint8Array.of(1, 0))
      this.#link = 'ether'
    }
    if (name === 'vlan' && this.#link !== 'vlan') {
      this.emit({ name: 'payload', data: { dreg: 1, base: 'link', offset: 12, length: 2 } })
      this.emit({ name: 'cmp', data: { sreg: 1, operator: '==', data: { value: Uint8Array.of(0x81, 0) } } })
      this.#link = 'vlan'
    }
  }

  #needNetwork(name: HeaderName): void {
    if (this.#network === name) return
    if (this.#network !== undefined)
      throw new CompileError(`A rule about ${this.#network} packets looks at the ${name} header`)
    if (this.family === 'inet') {
      if (name === 'arp') throw new CompileError('An inet table sees no arp packets')
      this.#test('nfproto', Uint8Array.of(name === 'ip' ? 2 : 10))
    } else {
      const etherType = headerOf(name).etherType as number
      this.#test('protocol', Uint8Array.of(etherType >> 8, etherType & 255))
    }
    this.#network = name
  }

  #needTransport(name: HeaderName, protocol: number): void {
    if (this.#transport === protocol) return
    if (this.#transport !== undefined)
      throw new CompileError(`A rule about protocol ${this.#transport} looks at the ${name} header`)
    this.needProtocol(protocol)
  }

  /** `meta l4proto PROTOCOL`, unless that is known. */
  needProtocol(protocol: number): void {
    if (this.#transport === protocol) return
    this.#test('l4proto', Uint8Array.of(protocol))
    this.#transport = protocol
  }

  /** `icmp type TYPE`, unless that is known. */
  needIcmpType(type: number): void {
    if (this.#icmpType === type) return
    this.emit({ name: 'payload', data: { dreg: 1, base: 'transport', offset: 0, length: 1 } })
    this.emit({ name: 'cmp', data: { sreg: 1, operator: '==', data: { value: Uint8Array.of(type) } } })
    this.#icmpType = type
  }

  /** `meta nfproto` (or the like) of an address family, unless that is known. */
  needFamily(family: 'ip' | 'ip6'): void {
    this.#needNetwork(family)
  }

  get network(): HeaderName | undefined {
    return this.#network
  }

  #test(key: 'iiftype' | 'nfproto' | 'protocol' | 'l4proto', value: Uint8Array): void {
    this.emit({ name: 'meta', data: { key, dreg: 1 } })
    this.emit({ name: 'cmp', data: { sreg: 1, operator: '==', data: { value } } })
  }
}
