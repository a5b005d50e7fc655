import { networkOf } from '../../linux/net/prefix.ts'
import type { RuleRef } from '../../linux/nftables/evaluate/index.ts'
import { ownerOfRule } from '../firewall/owner.ts'
import { ruleOf } from '../firewall/places.ts'
import type { Observation } from '../reconcile/observation.ts'
import { fieldSite } from '../spec/fault.ts'
import { namespacePath } from '../spec/names.ts'
import { formatPublish } from '../spec/publish.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import { validateSpec } from '../spec/validate.ts'
import { acceptingRules, stopsWithout } from './accepted.ts'
import { findCable, type HandCable } from './cable.ts'
import { type HostView, hostView } from './host-rules.ts'
import { findOutbound, isSharedOutbound } from './outbound.ts'
import { findPublished } from './published.ts'
import { refText } from './rule-text.ts'
import { ruleCommands } from './rule-words.ts'
import type { AdoptFinding, HandMade, HandRule } from './types.ts'

/**
 * Theory of operation. Whoever connects a namespace by hand has a hundred ways to write it down, but what it comes to is
 * one thing. So nothing is looked for by its form: the cable is found by where the default route leads, and the rules are
 * asked, by the evaluator, what they do with packets of the namespace. Answers that depend on something unknown are
 * findings, and never guesses. Throws NatspaceError NO_NAMESPACE, NOT_CONNECTED, ALREADY_MANAGED, BAD_*.
 */
export const readHandMade = (seen: Observation, name: string): HandMade => {
  const cable = findCable(seen, name)
  const view = hostView(seen, cable)
  const outbound = findOutbound(view, name)
  const { publish, ...published } = findPublished(view, outbound.spec.uplink)
  const accepting = acceptingRules(view, publish)
  const fixFirewall = stopsWithout(view, publish, accepting)
  const way = outbound.spec.uplink ?? view.way?.name
  const follows = way !== undefined && seen.link(undefined, way)?.mtu === cable.host.mtu
  const raw = {
    address: cable.address,
    gateway: `${cable.gateway}/${cable.prefixLength}`,
    hostInterface: cable.host.name,
    interface: cable.inner.name,
    ...(outbound.spec.uplink === undefined ? {} : { uplink: outbound.spec.uplink }),
    ...(outbound.spec.source?.ipv4 === undefined ? {} : { source: outbound.spec.source.ipv4 }),
    publish: publish.map(formatPublish),
    ipv6: 'off',
    ...(follows ? {} : { mtu: cable.host.mtu }),
    // What it reaches today it must reach tomorrow.
    host: 'all',
    metadata: true,
    fixFirewall,
  }
  const spec = validateSpec(name, raw, fieldSite)
  const findings = [...cable.findings, ...outbound.findings, ...published.findings, ...differences(cable)]
  const rules = [
    ...outbound.rules.filter(ref => !isSharedOutbound(view, ref)),
    // One that also does what cannot be said in a spec is still needed.
    ...(published.findings.some(({ severity }) => severity === 'warning') ? [] : published.rules),
    ...accepting,
  ]
  return {
    spec,
    space: spaceOf(spec, cable),
    findings,
    redundant: distinctRules(rules).flatMap(ref => handRule(view, ref)),
  }
}

const spaceOf = (spec: SpaceSpec, { host, gateway, address, prefixLength }: HandCable): ResolvedSpace => ({
  name: spec.name,
  namespacePath: namespacePath(spec.name),
  hostInterface: host.name,
  interface: spec.interface ?? '',
  gateway,
  address,
  prefixLength,
  network: networkOf(`${gateway}/${prefixLength}`) ?? '',
  ...(spec.uplink === undefined ? {} : { uplink: spec.uplink }),
  ...(spec.source === undefined ? {} : { source: spec.source }),
  publish: spec.publish,
  mtu: spec.mtu ?? host.mtu,
  ...(spec.mtu === undefined ? { mtuFollows: true } : {}),
  internal: spec.internal,
  connect: [],
  host: spec.host,
  metadata: spec.metadata,
  fixFirewall: spec.fixFirewall,
})

const differences = ({ host, inner }: HandCable): AdoptFinding[] => [
  ...(host.mtu === inner.mtu
    ? []
    : [
        {
          code: 'ADOPT_MTU',
          severity: 'notice' as const,
          what: `the ends of the cable have different MTUs: ${host.mtu} outside, ${inner.mtu} inside`,
          why: 'both get that of the host end',
          evidence: [],
          fix: [],
        },
      ]),
  {
    code: 'ADOPT_REACH',
    severity: 'notice',
    what: 'the namespace goes on reaching all of this host and the metadata service of a cloud',
    why: 'that is so by hand; a space of natspace reaches the resolver of the host and ping, unless told otherwise',
    evidence: [],
    fix: [
      'leave host and metadata out of the spec: natspace export NAME > FILE, edit it, natspace up -f FILE',
    ],
  },
  {
    code: 'ADOPT_GUARD',
    severity: 'notice',
    what: 'only published ports lead inside from now on, and the namespace sends with its own address alone',
    why: 'by hand a host that routes to the subnet reaches every port of the namespace',
    evidence: [],
    fix: [],
  },
]

/** Each once, and those of one chain in their order: so they can be put back one after another. */
const distinctRules = (refs: readonly RuleRef[]): RuleRef[] => {
  const place = ({ family, table, chain }: RuleRef) => `${family} ${table} ${chain}`
  const distinct = [...new Map(refs.map(ref => [`${place(ref)} ${ref.rule.handle}`, ref])).values()]
  const chains = [...new Set(distinct.map(place))]
  return distinct.sort(
    (one, other) =>
      chains.indexOf(place(one)) - chains.indexOf(place(other)) || one.rule.index - other.rule.index,
  )
}

/** Rules of other programs are theirs, and one that cannot be made again by a command is left alone. */
const handRule = (view: HostView, ref: RuleRef): HandRule[] => {
  const table = view.ruleset.tables.find(({ family, name }) => family === ref.family && name === ref.table)
  const chain = table?.chains.find(({ name }) => name === ref.chain)
  const rule = ruleOf(view.ruleset, ref)
  if (table === undefined || chain === undefined || rule === undefined) return []
  if (!['iptables', 'nftables'].includes(ownerOfRule(table, chain, rule).program)) return []
  // A map may lead to others too.
  if (rule.instructions.some(item => item.name === 'lookup' && item.data.dreg !== undefined)) return []
  const commands = ruleCommands(table, chain.name, rule, ref.rule.index)
  return commands === undefined ? [] : [{ ref, text: refText(view, ref), ...commands }]
}
