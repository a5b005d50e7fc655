import { isLoopback } from '../../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'
import {
  evaluateHook,
  type Outcome,
  type Packet,
  type Translation,
} from '../../../linux/nftables/evaluate/index.ts'
import { interfaceSysctl } from '../../../linux/sysctl.ts'
import { placeOf } from '../../../space/firewall/places.ts'
import { boundAddress } from '../../../space/spec/publish.ts'
import { predictInbound } from '../../predict/predict.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf, together } from '../finding.ts'
import { isStop, ruleFinding } from '../probe-findings.ts'
import { asSpace } from '../probing.ts'
import { checkListener } from './listeners.ts'
import { staleFlows } from './ports.ts'

/** A port of the host that should lead into the namespace. */
export type Inbound = {
  protocol: 'tcp' | 'udp' | 'sctp'
  port: number
  /**
   * Who asks: somebody outside (default), this host by its own address or by its loopback, or the namespace itself by the
   * host's address.
   */
  from?: 'outside' | 'host' | 'loopback' | 'space'
}

/**
 * A connection to a port of the host that should lead into the namespace: where it is led, who waits for it there, what
 * stops it on the way. From elsewhere than asked for it is looked at too, and told as a possibility.
 */
export const checkInbound = (facts: Facts, inbound: Inbound): CheckResult => {
  const { from = 'outside' } = inbound
  const results = {
    outside: () => fromOutside(facts, inbound),
    host: () => fromHost(facts, inbound),
    loopback: () => fromLoopback(facts, inbound),
    space: () => fromSpace(facts, inbound),
  }
  const asked = results[from]()
  if (asked.findings.length > 0 || from !== 'outside') return asked
  const others = (['host', 'loopback', 'space'] as const).flatMap(name => results[name]().findings)
  const isKnown = (code: string) => /^PUB-(NOOUTPUT|LOCALHOST|HAIRPIN)$/.test(code)
  return together([
    asked,
    resultOf(
      others
        .filter(({ code }) => isKnown(code))
        .map(finding => ({ ...finding, severity: 'notice' as const })),
    ),
    notesOf(facts, inbound),
  ])
}

type Port = { protocol: Inbound['protocol']; port: number }

/** The address of the host at which outside asks. */
const hostAddress = (facts: Facts): string | undefined => {
  const { destination, uplink, seen } = facts
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  const published = facts.subject.space?.publish
    .map(boundAddress)
    .find(at => at !== undefined && !isLoopback(at))
  return (
    published ??
    facts.addressesOf(undefined, link).find(({ family }) => family === destination.family)?.address
  )
}

const isTypeOf =
  (local: (which: string) => boolean): NonNullable<Packet['fib']> =>
  ({ result, flags }) =>
    result === 'type' && flags.length === 1 ? (local(String(flags[0])) ? 'local' : 'unicast') : undefined

const fromOutside = (facts: Facts, asked: Port): CheckResult => {
  const { destination, uplink, seen } = facts
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  const address = hostAddress(facts)
  const { nat } = evaluateHook(
    facts.ruleset(undefined),
    { hook: 'prerouting', types: ['nat'] },
    {
      ...packetTo(facts, asked),
      ...(address === undefined ? {} : { destination: address }),
      ...(link === undefined ? {} : { iifname: link.name, iif: link.index }),
      source: destination.address,
      fib: isTypeOf(which => which === 'daddr'),
    },
  )
  const led = leads(facts, asked, nat)
  if (led.findings.length > 0) return led
  const { protocol, port } = asked
  const isOwn = facts.subject.space !== undefined
  const stale = isOwn ? [] : staleFlows(facts, { protocol, hostPort: { first: port, last: port } })
  if (stale.length > 0) return resultOf(stale)
  const inner = nat?.port ?? asked.port
  const listener = checkListener(facts, asked.protocol, inner)
  if (listener.findings.length > 0) return listener
  const way = address === undefined ? nothing : wayInside(facts, asked, address)
  return together([listener, way])
}

const packetTo = (facts: Facts, { protocol, port }: Port): Packet => ({
  family: facts.destination.family,
  protocol: PROTOCOL_NUMBER[protocol],
  destinationPort: port,
  ...(protocol === 'tcp' ? { tcpFlags: 2 } : {}),
  ctState: 'new',
  ctDirection: 'original',
  ctStatus: { dnat: false, snat: false },
})

/** Whether a translation leads to the namespace. */
const leads = (facts: Facts, asked: Port, nat: Translation | undefined): CheckResult => {
  const { source, subject } = facts
  const text = `${asked.port}/${asked.protocol}`
  if (nat === undefined)
    return resultOf([
      {
        code: 'PUB-NONE',
        what: `no rule leads port ${text} of this host into the namespace`,
        evidence: ['no nat chain at the hook prerouting translates a connection to it'],
        fix:
          subject.space === undefined
            ? noFix
            : {
                commands: [`natspace publish ${subject.name} ${text}`],
                undo: [`natspace unpublish ${subject.name} ${text}`],
              },
      },
    ])
  return nat.address === undefined || nat.address === source
    ? nothing
    : resultOf([
        {
          code: 'PUB-STOLEN',
          what: `port ${text} leads to ${nat.address}`,
          evidence: [placeText(facts, nat)],
          fix: noFix,
        },
      ])
}

const placeText = (facts: Facts, { by }: Translation): string => {
  const { text, owner } = placeOf(facts.ruleset(undefined), by)
  return `${by.family} ${by.table} ${by.chain} (${owner.name}): ${text}`
}

/** The rest of the way of a packet from outside, and of its answer, by rules and routes. */
const wayInside = (facts: Facts, { protocol, port }: Port, address: string): CheckResult => {
  const { destination, router } = facts
  const space = asSpace(facts)
  const back = facts.route(undefined, { destination: destination.address })
  const isOutside = back.found && back.type === 'unicast' && back.device?.index !== router?.index
  if (space === undefined || protocol === 'sctp' || !isOutside) return nothing
  const flow = { source: destination.address, destination: address, protocol, port, sourcePort: 50_000 }
  const prediction = predictInbound(facts.kernel, space, flow)
  const { end, events, connection } = prediction
  if (end.outcome === 'unknown')
    return { fine: [], findings: [], unchecked: [`the way to port ${port}/${protocol}: ${end.reason}`] }
  if (end.outcome === 'dropped') {
    const stop = events.find(event => event.kind === 'chain' && isStop(event))
    const packet =
      stop?.packet === 'reply' ? 'the answer would be' : `a connection to ${port}/${protocol} would be`
    const finding = stop && ruleFinding(facts, prediction, stop, packet)
    return resultOf([
      finding === undefined || finding.code === 'FW-DROP' || finding.code === 'FW-PRIO'
        ? {
            code: 'PUB-FWDDROP',
            what:
              finding?.what ?? `a connection to ${port}/${protocol} would not come through: ${end.reason}`,
            evidence: finding?.evidence ?? end.evidence,
            fix: finding?.fix ?? noFix,
          }
        : finding,
    ])
  }
  const answered = connection?.reply.destination
  return answered === undefined || answered === destination.address
    ? resultOf([], `a connection from outside to port ${port}/${protocol} gets inside`)
    : resultOf([
        {
          code: 'PUB-SRCLOST',
          what: `the program inside sees ${answered} as whoever connects, and not ${destination.address}`,
          evidence: masqueraders(facts, { protocol, port }, connection?.reply.source ?? ''),
          fix: noFix,
        },
      ])
}

/** Rules that translate the source of what goes into the namespace. */
const masqueraders = (facts: Facts, asked: Port, inside: string): string[] => {
  const { destination, router, uplink } = facts
  const { translations } = postrouting(facts, {
    ...packetTo(facts, asked),
    source: destination.address,
    destination: inside,
    ...(uplink === undefined ? {} : { iifname: uplink }),
    ...(router === undefined ? {} : { oifname: router.name, oif: router.index }),
    ctStatus: { dnat: true },
    fib: isTypeOf(() => false),
  })
  return translations.map(item => placeText(facts, item))
}

const postrouting = (facts: Facts, packet: Packet): Outcome =>
  evaluateHook(facts.ruleset(undefined), { hook: 'postrouting', types: ['nat'] }, packet)

/** The translation of what this host itself sends. */
const ofOwn = (facts: Facts, asked: Port, address: string, source: string): Translation | undefined =>
  evaluateHook(
    facts.ruleset(undefined),
    { hook: 'output', types: ['nat'] },
    { ...packetTo(facts, asked), source, destination: address, oifname: 'lo', fib: isTypeOf(() => true) },
  ).nat

/** Somebody who listens at the port hands it on: a relay. */
const hasRelay = (facts: Facts, { protocol, port }: Port, address: string): boolean =>
  facts.kernel
    .listeners(undefined, protocol)
    .some(item => item.port === port && (item.address === address || /^(0\.0\.0\.0|::)$/.test(item.address)))

const fromHost = (facts: Facts, asked: Port): CheckResult => {
  const address = hostAddress(facts)
  if (address === undefined || hasRelay(facts, asked, address)) return nothing
  const nat = ofOwn(facts, asked, address, address)
  if (nat !== undefined) return leads(facts, asked, nat)
  return resultOf([
    {
      code: 'PUB-NOOUTPUT',
      what: `what this host itself sends to ${address}:${asked.port} is not led into the namespace`,
      evidence: ['no nat chain at the hook output translates it'],
      fix: noFix,
    },
  ])
}

const fromLoopback = (facts: Facts, asked: Port): CheckResult => {
  const { router, destination } = facts
  const address = destination.family === 4 ? '127.0.0.1' : '::1'
  if (router === undefined || hasRelay(facts, asked, address)) return nothing
  const finding = (what: string, evidence: string[], fix: Finding['fix'] = noFix): CheckResult =>
    resultOf([{ code: 'PUB-LOCALHOST', what, evidence, fix }])
  const nat = ofOwn(facts, asked, address, address)
  if (nat === undefined)
    return finding(`nothing leads ${address}:${asked.port} into the namespace`, [
      'no nat chain at the hook output translates it, and nobody relays it',
    ])
  if (destination.family === 6)
    return finding(`IPv6 sends nothing from ::1 to another link`, [placeText(facts, nat)])
  const keys = ['all', router.name].map(name => interfaceSysctl('ipv4', name, 'route_localnet'))
  if (keys.every(key => facts.sysctl(undefined, key) !== '1')) {
    const key = keys[1] as string
    return finding(
      `the kernel drops what leaves from ${address} by ${router.name}`,
      [...keys.map(name => `${name} = ${facts.sysctl(undefined, name)}`), placeText(facts, nat)],
      { commands: [`sysctl -w ${key}=1`], undo: [`sysctl -w ${key}=0`] },
    )
  }
  const { translations } = postrouting(facts, {
    ...packetTo(facts, asked),
    source: address,
    destination: nat.address ?? '',
    oifname: router.name,
    oif: router.index,
    ctStatus: { dnat: true },
    fib: isTypeOf(() => false),
  })
  return translations.length > 0
    ? nothing
    : finding(`what leaves from ${address} by ${router.name} keeps that source, to which nobody answers`, [
        'no nat chain at the hook postrouting translates it',
      ])
}

/** The namespace asks for itself by the host's address: the answer must come back by way of the host. */
const fromSpace = (facts: Facts, asked: Port): CheckResult => {
  const { router, source } = facts
  const address = hostAddress(facts)
  if (
    router === undefined ||
    source === undefined ||
    address === undefined ||
    hasRelay(facts, asked, address)
  )
    return nothing
  const packet: Packet = {
    ...packetTo(facts, asked),
    source,
    destination: address,
    iifname: router.name,
    iif: router.index,
    fib: isTypeOf(which => which === 'daddr'),
  }
  const { nat } = evaluateHook(facts.ruleset(undefined), { hook: 'prerouting', types: ['nat'] }, packet)
  if (nat === undefined)
    return resultOf([
      {
        code: 'PUB-HAIRPIN',
        what: `what the namespace sends to ${address}:${asked.port} is not led back into it`,
        evidence: ['no nat chain at the hook prerouting translates it'],
        fix: noFix,
      },
    ])
  const { translations } = postrouting(facts, {
    ...packet,
    destination: nat.address ?? source,
    ...(nat.port === undefined ? {} : { destinationPort: nat.port }),
    oifname: router.name,
    oif: router.index,
    ctStatus: { dnat: true },
    fib: isTypeOf(() => false),
  })
  return translations.length > 0 || nat.address !== source
    ? nothing
    : resultOf([
        {
          code: 'PUB-HAIRPIN',
          what: `the namespace that connects to ${address}:${asked.port} would be answered by itself, from another address than it asked`,
          evidence: ['no nat chain at the hook postrouting translates the source of such a connection'],
          fix: hairpinFix(source, facts.destination.family),
        },
      ])
}

const hairpinFix = (source: string, family: 4 | 6): Finding['fix'] => {
  const program = family === 4 ? 'iptables' : 'ip6tables'
  const rule = `POSTROUTING -s ${source} -d ${source} -j MASQUERADE`
  return { commands: [`${program} -t nat -A ${rule}`], undo: [`${program} -t nat -D ${rule}`] }
}

/** What may go wrong now and then. */
const notesOf = (facts: Facts, { port }: Port): CheckResult => {
  const [first = 0, last = 0] = (facts.sysctl(undefined, 'net.ipv4.ip_local_port_range') ?? '')
    .trim()
    .split(/\s+/)
    .map(Number)
  const reserved = facts.sysctl(undefined, 'net.ipv4.ip_local_reserved_ports')?.trim() ?? ''
  const isReserved = reserved.split(',').some(part => {
    const [from, to = from] = part.split('-').map(Number)
    return from !== undefined && to !== undefined && port >= from && port <= to
  })
  if (port < first || port > last || isReserved) return nothing
  const value = reserved === '' ? String(port) : `${reserved},${port}`
  return resultOf([
    {
      code: 'PUB-EPHEMERAL',
      what: `port ${port} is one of those that this host takes for its own connections`,
      evidence: [`net.ipv4.ip_local_port_range = ${first} ${last}`],
      fix: {
        commands: [`sysctl -w net.ipv4.ip_local_reserved_ports=${value}`],
        undo: [`sysctl -w net.ipv4.ip_local_reserved_ports=${reserved}`],
      },
    },
  ])
}
