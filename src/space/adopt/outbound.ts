import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { evaluateHook, type RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { ruleOf } from '../firewall/places.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { notConnected } from './cable.ts'
import { firstPacket, type HostView, stranger } from './host-rules.ts'
import { refText } from './rule-text.ts'
import type { AdoptFinding } from './types.ts'

/** How what the namespace sends is translated: the part of a spec that says it, and the rules that do it. */
export type Outbound = {
  spec: Pick<SpaceSpec, 'uplink' | 'source'>
  rules: RuleRef[]
  findings: AdoptFinding[]
}

/** What becomes of the source of a packet: '' for masquerade, an address, or undefined where it stays as it is. */
type Source = { source: string | undefined; rules: RuleRef[]; unclear: RuleRef[] }

const kinds = ['tcp', 'udp', 'icmp'] as const

/**
 * Asks the rules what they do with packets of the namespace that leave by each link, and by one that does not exist: so it
 * shows whether the translation is bound to a link. Throws NatspaceError NOT_CONNECTED where nothing is translated.
 */
export const findOutbound = (view: HostView, name: string): Outbound => {
  const { way, ways } = view
  const byLink = new Map(ways.map(link => [link, sourceBy(view, link)]))
  const anywhere = sourceBy(view, { name: stranger.link, index: stranger.index })
  const translated = ways.filter(link => byLink.get(link)?.source !== undefined)
  const main = way !== undefined && translated.includes(way) ? way : translated[0]
  if (main === undefined) {
    const unclear = [...byLink.values()].flatMap(item => item.unclear)
    throw notConnected(
      name,
      unclear.length === 0
        ? 'nothing on this host translates what it sends (no MASQUERADE or SNAT applies to it)'
        : 'whether this host translates what it sends cannot be told from its rules',
      [...unclear.map(ref => refText(view, ref)), ...legacyText(view)],
    )
  }
  const chosen = byLink.get(main) as Source
  const isBound = anywhere.source === undefined
  const others = translated.filter(link => link !== main)
  return {
    spec: {
      ...(isBound ? { uplink: main.name } : {}),
      ...(chosen.source ? { source: { ipv4: chosen.source } } : {}),
    },
    rules: [...byLink.values()].flatMap(item => item.rules),
    findings: [
      ...(isBound && others.length > 0 ? [onlyOne(main, others)] : []),
      ...(chosen.source && !view.addresses.includes(chosen.source) ? [noSuchSource(chosen.source)] : []),
      ...(chosen.unclear.length > 0 ? [unclearRules(view, chosen.unclear)] : []),
    ],
  }
}

const sourceBy = (view: HostView, { name, index }: Pick<Link, 'name' | 'index'>): Source => {
  const { cable, ruleset } = view
  const outcomes = kinds.map(kind =>
    evaluateHook(
      ruleset,
      { hook: 'postrouting', types: ['nat'] },
      firstPacket(view, {
        source: cable.address,
        destination: stranger.outside,
        iifname: cable.host.name,
        iif: cable.host.index,
        oifname: name,
        oif: index,
        protocol: PROTOCOL_NUMBER[kind],
        ...(kind === 'icmp' ? { icmpType: 8, icmpCode: 0 } : { sourcePort: 40_000, destinationPort: 443 }),
      }),
    ),
  )
  const certain = outcomes.map(({ nat }) => nat)
  const all = certain.every(nat => nat !== undefined)
  const rules = outcomes.flatMap(({ translations }) => translations.map(({ by }) => by))
  const [first] = certain
  if (!all || first === undefined) return { source: undefined, rules: [], unclear: rules }
  const source = first.kind === 'masquerade' ? '' : first.address
  // One of a range of addresses: which one is not known beforehand.
  if (source === undefined) return { source: undefined, rules: [], unclear: rules }
  return { source, rules, unclear: [] }
}

const onlyOne = (main: Link, others: readonly Link[]): AdoptFinding => ({
  code: 'ADOPT_TRANSLATION',
  severity: 'warning',
  what: `what leaves is translated by ${[main, ...others].map(link => link.name).join(', ')}, but not by every link`,
  why: `a space has one uplink or any; ${main.name} is taken, as the default route leads there`,
  evidence: [],
  fix: ['leave --uplink out to let it out by any link: natspace up NAME with the other options'],
})

const noSuchSource = (address: string): AdoptFinding => ({
  code: 'ADOPT_TRANSLATION',
  severity: 'error',
  what: `what leaves gets the source ${address}, which is no address of this host`,
  why: 'answers to it would not come here, and natspace refuses such a source',
  evidence: [],
  fix: ['give the address to a link of this host, or use MASQUERADE'],
})

const unclearRules = (view: HostView, refs: readonly RuleRef[]): AdoptFinding => ({
  code: 'ADOPT_TRANSLATION',
  severity: 'warning',
  what: 'some rules of translation depend on what cannot be known beforehand',
  why: 'they stay, and go on applying before those of natspace',
  evidence: refs.map(ref => refText(view, ref)),
  fix: [],
})

/** Tables of iptables-legacy are not among those that are read here. */
const legacyText = ({ seen }: HostView): string[] =>
  seen.file('/proc/net/ip_tables_names')?.split('\n').includes('nat')
    ? ['iptables-legacy has a table nat, whose rules natspace does not read']
    : []

/** Whether a rule would also translate what comes from elsewhere: then others may need it. */
export const isSharedOutbound = (view: HostView, ref: RuleRef): boolean => {
  if (ruleOf(view.ruleset, ref) === undefined) return true
  const links = [...view.ways, { name: stranger.link, index: stranger.index }]
  return links.some(({ name, index }) => {
    const packet = firstPacket(view, {
      source: stranger.other,
      destination: stranger.outside,
      oifname: name,
      oif: index,
      protocol: PROTOCOL_NUMBER.tcp,
      sourcePort: 40_000,
      destinationPort: 443,
    })
    const { steps } = evaluateHook(view.ruleset, { hook: 'postrouting', types: ['nat'] }, packet)
    return steps.some(({ visits }) => visits.some(({ by }) => sameRef(by, ref)))
  })
}

/** Whether two references mean one rule. */
export const sameRef = (one: RuleRef, other: RuleRef): boolean =>
  one.rule.handle === other.rule.handle &&
  one.chain === other.chain &&
  one.table === other.table &&
  one.family === other.family
