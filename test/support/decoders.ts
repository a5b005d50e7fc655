/** Everything that reads bytes of the kernel, the wire or a file, with messages that it is known to read. */

import { decodeHeader } from '../../src/insight/walk/packet-header.ts'
import { conntrackMessage, toFlow } from '../../src/linux/conntrack/index.ts'
import { protocolName } from '../../src/linux/net/protocol.ts'
import { readAcknowledgement } from '../../src/linux/netlink/acknowledgement.ts'
import { type Codec, DecodeError } from '../../src/linux/netlink/codec.ts'
import { splitMessages } from '../../src/linux/netlink/connection.ts'
import { ProtocolError } from '../../src/linux/netlink/errors.ts'
import { describeMessage } from '../../src/linux/netlink/message.ts'
import { Writer } from '../../src/linux/netlink/writer.ts'
import { evaluateHook, type Packet, xtText } from '../../src/linux/nftables/evaluate/index.ts'
import { contextOf, decompile, ruleText } from '../../src/linux/nftables/index.ts'
import { chainMessage } from '../../src/linux/nftables/messages/chain.ts'
import { elementsMessage } from '../../src/linux/nftables/messages/element.ts'
import { flowtableMessage } from '../../src/linux/nftables/messages/flowtable.ts'
import { objectMessage } from '../../src/linux/nftables/messages/object.ts'
import { ruleMessage } from '../../src/linux/nftables/messages/rule.ts'
import { setMessage } from '../../src/linux/nftables/messages/set.ts'
import { tableMessage } from '../../src/linux/nftables/messages/table.ts'
import { traceMessage } from '../../src/linux/nftables/messages/trace.ts'
import {
  toChain,
  toFlowtable,
  toObject,
  toRule,
  toSet,
  toTable,
} from '../../src/linux/nftables/read/decode.ts'
import type { SetState, Table } from '../../src/linux/nftables/read/model.ts'
import { decodeElements } from '../../src/linux/nftables/sets/decode-elements.ts'
import {
  decodePacket,
  PcapngError,
  PcapngWriter,
  pcapngRecords,
  summaryText,
} from '../../src/linux/packet/index.ts'
import { netconfMessage, toNetconf } from '../../src/linux/rtnetlink/netconf.ts'
import { type ListenerProtocol, toListeners } from '../../src/linux/socket-diag/listener.ts'
import { socketMessage, socketRequest } from '../../src/linux/socket-diag/messages.ts'
import { decodeSocketAddress } from '../../src/linux/sys/socket-address.ts'
import { bytesOf, loadGolden, schemaOf as nftSchemaOf } from '../golden/nftables/support.ts'
import traffic from '../golden/packet/traffic.json' with { type: 'json' }
import { fromHex, goldenFiles } from './golden.ts'
import { kindOf, sentMessage } from './rtnetlink-golden.ts'

/** Reads bytes to the end; what it throws must be one of `errors`, and nothing else. */
export type Decoder = {
  name: string
  seeds: readonly Uint8Array[]
  errors: readonly (abstract new (...args: never[]) => Error)[]
  read(bytes: Uint8Array): unknown
}

const payloads = (folder: string, from?: 'kernel' | 'program') =>
  goldenFiles(folder).flatMap(({ messages }) =>
    messages
      .filter(message => from === undefined || message.from === from)
      .map(message => ({ type: message.type, bytes: fromHex(message.hex) })),
  )

const headerSize = 16
const typeOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint16(4, true)

const whole = <T>(codec: Codec<T>, bytes: Uint8Array): T => codec.decode(bytes, 0, bytes.length)

const encoded = <T>(codec: Codec<T>, value: T): Uint8Array => {
  const writer = new Writer()
  codec.encode(writer, value)
  return writer.bytes.slice()
}

/** All of rtnetlink, by the type of the message that the bytes were. */
const rtnetlink = (): Decoder[] => {
  const byKind = new Map<string, Uint8Array[]>()
  for (const { bytes } of payloads('rtnetlink')) {
    const type = typeOf(bytes)
    if (type < 16) continue
    const { message } = kindOf(type)
    const name = message.replace(/^RTM_(NEW|DEL|GET|SET)/, '')
    const seeds = byKind.get(name) ?? []
    seeds.push(bytes.subarray(headerSize))
    byKind.set(name, seeds)
  }
  const kinds = { LINK: 16, ADDR: 20, ROUTE: 24, NEIGH: 28, RULE: 32, QDISC: 36 }
  return Object.entries(kinds).map(([name, type]) => {
    const { schema, read } = kindOf(type)
    return {
      name: `rtnetlink ${name.toLowerCase()}`,
      seeds: byKind.get(name) ?? [],
      errors: [DecodeError],
      read: bytes => {
        describeMessage(
          { ...schema, kernelName: name } as Codec<unknown> & { kernelName: string },
          bytes,
          0,
          bytes.length,
        )
        return read(whole(schema, bytes))
      },
    }
  })
}

const netconf = (): Decoder => {
  const writer = new Writer()
  netconfMessage.encode(writer, { header: { family: 2 }, attributes: {} })
  const attributes = Uint8Array.from([8, 0, 1, 0, 2, 0, 0, 0, 8, 0, 2, 0, 1, 0, 0, 0, 8, 0, 3, 0, 1, 0, 0, 0])
  const seed = new Uint8Array(
    Buffer.concat([writer.bytes.slice(), new Uint8Array((4 - (writer.length % 4)) % 4), attributes]),
  )
  return {
    name: 'rtnetlink netconf',
    seeds: [seed],
    errors: [DecodeError],
    read: bytes => toNetconf(whole(netconfMessage, bytes)),
  }
}

const emptyTable: Table = {
  family: 'inet',
  name: 't',
  handle: 0n,
  flags: [],
  sets: [],
  objects: [],
  flowtables: [],
  chains: [],
}

const forward = {
  name: 'forward',
  type: 'filter',
  hook: 'forward',
  priority: 0,
  policy: 'accept',
  handle: 1n,
} as const

/** What a rule makes of packets of which much, or nothing, is known: the evaluator reads what rules are made of, too. */
const ask = (table: Table): void => {
  const known: Packet = {
    family: 4,
    source: '192.168.45.3',
    destination: '198.51.100.1',
    protocol: 6,
    sourcePort: 40_000,
    destinationPort: 443,
    tcpFlags: 2,
    iifname: 'veth1',
    oifname: 'eth0',
    iif: 2,
    oif: 3,
    ctState: 'new',
    length: 60,
    mark: 0,
  }
  for (const packet of [known, { family: 6 } as const])
    evaluateHook({ generation: 0, tables: [table] }, { hook: 'forward' }, packet)
}

const nftables = (): Decoder[] => {
  const files = ['dumps', 'objects', 'rules', 'ruleset', 'firewalls']
  const byCodec = new Map<Codec<unknown>, Uint8Array[]>()
  const sets: SetState[] = []
  for (const { type, payload } of files.flatMap(file =>
    loadGolden(file).cases.flatMap(({ messages }) => messages),
  )) {
    // Questions to x_tables, which iptables asks in between, are none of ours.
    if (type >> 8 !== 10 && type > 17) continue
    const codec = nftSchemaOf(type)
    const bytes = bytesOf(payload)
    byCodec.set(codec, [...(byCodec.get(codec) ?? []), bytes])
    if (codec === (setMessage as Codec<unknown>) && type === 0xa00 + 9)
      sets.push(toSet(whole(setMessage, bytes)))
  }
  byCodec.set(flowtableMessage as Codec<unknown>, [
    encoded(flowtableMessage, {
      header: { family: 1, version: 0, resourceId: 0 },
      attributes: {
        table: 'filter',
        name: 'fast',
        use: 1,
        handle: 7n,
        hook: { number: 0, priority: -100, devices: ['eth0', 'eth1'] },
      },
    }),
  ])
  const decoder = <T>(name: string, codec: Codec<T>, read: (value: T) => unknown): Decoder => ({
    name: `nftables ${name}`,
    seeds: byCodec.get(codec as Codec<unknown>) ?? [],
    errors: [DecodeError],
    read: bytes => read(whole(codec, bytes)),
  })
  const known = [
    decoder('table', tableMessage, toTable),
    decoder('chain', chainMessage, toChain),
    decoder('set', setMessage, toSet),
    decoder('object', objectMessage, toObject),
    decoder('flowtable', flowtableMessage, toFlowtable),
    decoder('rule', ruleMessage, value => {
      const rule = toRule(value)
      const table = { ...emptyTable, sets }
      decompile(rule.instructions, table)
      const named = rule.instructions.flatMap(item => (item.name === 'lookup' ? (item.data.set ?? []) : []))
      const used = sets.filter(({ name }) => named.includes(name)).slice(0, 2)
      ask({ ...emptyTable, sets: used, chains: [{ ...forward, rules: [rule] }] })
      for (const instruction of rule.instructions) xtText(instruction, 4)
      return ruleText(rule, contextOf(table))
    }),
    decoder('elements', elementsMessage, value => {
      const named = sets.filter(({ name }) => name === value.attributes.set)
      return named.map(set => decodeElements(set, value.attributes.elements ?? []))
    }),
  ]
  const others = [...byCodec].filter(([codec]) => !known.some(({ seeds }) => seeds === byCodec.get(codec)))
  return [
    ...known,
    ...others.map(([codec, seeds], index) => ({
      name: `nftables generation and batch ${index + 1}`,
      seeds,
      errors: [DecodeError],
      read: (bytes: Uint8Array) => whole(codec, bytes),
    })),
  ]
}

/** A traced packet's first event at a hook, with headers of real traffic. */
const trace = (): Decoder => {
  const seeds = frames()
    .slice(0, 40)
    .map((frame, index) => {
      const writer = new Writer()
      traceMessage.encode(writer, {
        header: { family: 1, version: 0, resourceId: 0 },
        attributes: {
          table: 'filter',
          chain: 'forward',
          ruleHandle: BigInt(index),
          type: 'rule',
          verdict: { code: 1, chain: 'next' },
          id: index,
          linkHeader: frame.slice(0, 14),
          networkHeader: frame.slice(14, 34),
          transportHeader: frame.slice(34, 54),
          iif: 2,
          oif: 3,
          mark: 0,
          family: 2,
          policy: 1,
          connectionId: 7,
          connectionDirection: 0,
          connectionStatus: 8,
          connectionState: 2,
        },
      })
      return writer.bytes.slice()
    })
  return {
    name: 'nftables trace',
    seeds,
    errors: [DecodeError],
    read: bytes => {
      const { attributes } = whole(traceMessage, bytes)
      return decodeHeader({
        link: attributes.linkHeader,
        network: attributes.networkHeader,
        transport: attributes.transportHeader,
      })
    },
  }
}

const conntrack = (): Decoder => ({
  name: 'conntrack',
  seeds: payloads('conntrack')
    .filter(({ bytes }) => typeOf(bytes) >= 16)
    .map(({ bytes }) => bytes.subarray(headerSize)),
  errors: [DecodeError],
  read: bytes => toFlow(whole(conntrackMessage, bytes)),
})

const socketDiag = (): Decoder[] => [
  {
    name: 'socket-diag reply',
    seeds: payloads('socket-diag', 'kernel')
      .filter(({ bytes }) => typeOf(bytes) >= 16)
      .map(({ bytes }) => bytes.subarray(headerSize)),
    errors: [DecodeError],
    read: bytes => {
      decodeSocketAddress(bytes)
      const protocol = protocolName([6, 17, 132][bytes.length % 3] ?? 6) as ListenerProtocol
      return toListeners(protocol, whole(socketMessage, bytes))
    },
  },
  {
    name: 'socket-diag request',
    seeds: payloads('socket-diag', 'program').map(({ bytes }) => bytes.subarray(headerSize)),
    errors: [DecodeError],
    read: bytes => whole(socketRequest, bytes),
  },
]

/** What every protocol has: messages in a datagram, and what the kernel says to a request. */
const protocol = (): Decoder => {
  const request = payloads('rtnetlink', 'program')[0]?.bytes ?? new Uint8Array(headerSize)
  const sent = sentMessage(request)
  return {
    name: 'netlink datagram and acknowledgement',
    seeds: ['rtnetlink', 'conntrack', 'socket-diag']
      .flatMap(folder => payloads(folder, 'kernel'))
      .map(({ bytes }) => bytes),
    errors: [DecodeError, ProtocolError],
    read: bytes => {
      for (const received of splitMessages(bytes))
        if (received.type === 2 || received.type === 3) readAcknowledgement(received, sent, 0, request)
    },
  }
}

const frames = (): Uint8Array[] => traffic.packets.map(({ hex }) => fromHex(hex))

/** Nothing is thrown at all: what cannot be read is a layer that says so. */
const packets = (): Decoder => ({
  name: 'packet',
  seeds: frames(),
  errors: [],
  read: bytes => {
    for (const link of ['ethernet', 'ip'] as const) summaryText(decodePacket(bytes, { link }))
    return decodeHeader({
      link: bytes.subarray(0, 14),
      network: bytes.subarray(14, 34),
      transport: bytes.subarray(34),
    })
  },
})

const pcapng = (): Decoder => {
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter(chunk => chunks.push(chunk.slice()), { application: 'natspace' })
  const number = writer.addInterface({
    name: 'veth1',
    description: 'host end',
    link: 'ethernet',
    snapLength: 262_144,
  })
  for (const [index, bytes] of frames().slice(0, 8).entries())
    writer.packet({
      interface: number,
      time: BigInt(index) * 1_000_000_000n,
      length: bytes.length,
      bytes,
      direction: 'in',
      comment: `packet ${index}`,
    })
  return {
    name: 'pcapng',
    seeds: [new Uint8Array(Buffer.concat(chunks))],
    errors: [PcapngError],
    read: bytes => [...pcapngRecords(bytes)],
  }
}

/** All of them. Each has at least one message that it reads without an error. */
export const decoders = (): Decoder[] => [
  ...rtnetlink(),
  netconf(),
  ...nftables(),
  trace(),
  conntrack(),
  ...socketDiag(),
  protocol(),
  packets(),
  pcapng(),
]
