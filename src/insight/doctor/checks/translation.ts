import { networkOf, prefixContains } from '../../../linux/net/prefix.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'
import { evaluateHook, type Outcome, type Packet } from '../../../linux/nftables/evaluate/index.ts'
import { ownerOfTable } from '../../../space/firewall/owner.ts'
import { placeOf } from '../../../space/firewall/places.ts'
import { tableName } from '../../../space/marks.ts'
import { defaultUplink } from '../../../space/reconcile/facts.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, resultOf } from '../finding.ts'
import { againFix } from '../subject.ts'

/**
 * Whether what leaves by the uplink gets an address that outside knows: the nat chains of postrouting are asked with such a
 * packet. To be looked at where no answer came: a network that outside knows the way to needs no translation.
 * `isStopped`: something else stopped the packet for certain, so it is not known whether the way needs one.
 */
export const checkTranslation = (facts: Facts, isStopped: boolean): CheckResult => {
  const { source, router, uplink, destination } = facts
  if (source === undefined || router === undefined || uplink === undefined || uplink === router.name)
    return resultOf([])
  const own = facts.route(undefined, { destination: destination.address })
  if (!own.found || own.type !== 'unicast') return resultOf([])
  if (isStopped && uplink !== defaultUplink(facts.seen)) return resultOf([])
  const packet = leaving(facts, uplink)
  const outcome = postrouting(facts, packet)
  if (outcome.translations.length > 0) return shadowed(facts, outcome, uplink)
  const { oifname: _, oif: __, ...anywhere } = packet
  const elsewhere = postrouting(facts, anywhere)
  // What natspace translates elsewhere, as on the way back into a space, is not meant for this.
  const other = elsewhere.translations.find(({ by }) => by.table !== tableName)
  if (other !== undefined) {
    const { text, owner } = placeOf(facts.ruleset(undefined), other.by)
    return resultOf([
      {
        code: 'NAT-OIF',
        what: `a rule translates the source of ${source}, and not of what leaves by ${uplink}`,
        evidence: [`${other.by.family} ${other.by.table} ${other.by.chain} (${owner.name}): ${text}`],
        fix: masquerade(facts, uplink),
      },
    ])
  }
  const cloud = isPublic(source) ? cloudOf(facts) : undefined
  return resultOf([
    {
      code: cloud === undefined ? 'NAT-NONE' : 'UP-ANTISPOOF',
      what: `what ${source} sends leaves by ${uplink} with that address`,
      evidence: [
        'no nat chain at the hook postrouting translates it',
        ...(cloud === undefined ? [] : [`this machine is one of ${cloud}`]),
      ],
      fix: masquerade(facts, uplink),
    },
  ])
}

/** Networks that nobody routes to (RFC 1918, RFC 6598, RFC 3927, RFC 4193). */
const withoutRoute = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
]

const isPublic = (address: string): boolean => !withoutRoute.some(network => prefixContains(network, address))

const clouds =
  /amazon|google|microsoft|digitalocean|hetzner|openstack|alibaba|oraclecloud|scaleway|vultr|linode|upcloud|exoscale/i

/** Whose machine this is, by what its firmware says. */
const cloudOf = ({ seen }: Facts): string | undefined =>
  ['sys_vendor', 'product_name', 'chassis_asset_tag']
    .map(name => (seen.file(`/sys/class/dmi/id/${name}`) ?? '').trim())
    .find(text => clouds.test(text))

/**
 * Whether packets of connections that are not known any more would leave untranslated. What natspace connected drops them;
 * by hand it is rarely thought of.
 */
export const checkLeak = (facts: Facts): CheckResult => {
  const { source, router, uplink, subject } = facts
  if (source === undefined || router === undefined || uplink === undefined || uplink === router.name)
    return resultOf([])
  const { translations } = postrouting(facts, leaving(facts, uplink))
  if (translations.length === 0) return resultOf([])
  // A reset of a connection that nobody knows.
  const packet: Packet = {
    ...leaving(facts, uplink),
    protocol: PROTOCOL_NUMBER.tcp,
    sourcePort: 50_000,
    destinationPort: 443,
    tcpFlags: 4,
    ctState: 'invalid',
  }
  const passes = (['prerouting', 'forward'] as const).every(
    hook => evaluateHook(facts.ruleset(undefined), { hook, types: ['filter'] }, packet).passes === true,
  )
  return resultOf([
    passes
      ? {
          code: 'NAT-LEAK',
          ...(subject.space === undefined ? {} : { severity: 'warning' as const }),
          what: `a FIN or RST of a connection that is forgotten leaves by ${uplink} with the source ${source}`,
          evidence: ['the hook forward lets pass what is of no connection (ct state invalid)'],
          fix: dropInvalid(facts, router.name),
        }
      : undefined,
  ])
}

const dropInvalid = (facts: Facts, name: string): Finding['fix'] => {
  if (facts.subject.space !== undefined) return againFix(facts.subject)
  if (usesIptables(facts)) {
    const program = facts.destination.family === 4 ? 'iptables' : 'ip6tables'
    const rule = `FORWARD -i ${name} -m conntrack --ctstate INVALID -j DROP`
    return { commands: [`${program} -I ${rule}`], undo: [`${program} -D ${rule}`] }
  }
  const table = 'inet doctor_invalid'
  return {
    commands: [
      `nft add table ${table}`,
      `nft 'add chain ${table} forward { type filter hook forward priority filter; }'`,
      `nft 'add rule ${table} forward iifname "${name}" ct state invalid drop'`,
    ],
    undo: [`nft delete table ${table}`],
  }
}

const leaving = (facts: Facts, uplink: string): Packet => {
  const { destination, source, router, seen } = facts
  const protocol =
    destination.protocol === 'icmp' && destination.family === 6
      ? PROTOCOL_NUMBER.icmpv6
      : PROTOCOL_NUMBER[destination.protocol]
  const link = seen.link(undefined, uplink)
  return {
    family: destination.family,
    ...(source === undefined ? {} : { source }),
    destination: destination.address,
    protocol,
    ...(destination.port === undefined ? {} : { destinationPort: destination.port }),
    ...(router === undefined ? {} : { iifname: router.name, iif: router.index }),
    oifname: uplink,
    ...(link === undefined ? {} : { oif: link.index }),
    ctState: 'new',
    ctDirection: 'original',
    // Whoever is asked: it is forwarded, so neither end is this host's.
    fib: ({ result, flags }) => (result === 'type' && flags.length === 1 ? 'unicast' : undefined),
  }
}

const postrouting = (facts: Facts, packet: Packet): Outcome =>
  evaluateHook(facts.ruleset(undefined), { hook: 'postrouting', types: ['nat'] }, packet)

/** A translation to an address that the uplink does not have. */
const shadowed = (facts: Facts, outcome: Outcome, uplink: string): CheckResult => {
  const { nat } = outcome
  if (nat === undefined || nat.kind !== 'snat') return resultOf([], 'the source is translated on the way out')
  const to = nat.address
  const known = facts
    .links(undefined)
    .flatMap(link => facts.addressesOf(undefined, link))
    .map(({ address }) => address)
  if (to === undefined || known.includes(to)) return resultOf([], 'the source is translated on the way out')
  const { text, owner } = placeOf(facts.ruleset(undefined), nat.by)
  const isOurs = owner.program === 'natspace'
  return resultOf([
    {
      code: isOurs ? 'UP-CHANGED' : 'NAT-SHADOWED',
      what: `what leaves by ${uplink} gets the source ${to}, which no link of this host has`,
      evidence: [`${nat.by.family} ${nat.by.table} ${nat.by.chain} (${owner.name}): ${text}`],
      fix: { commands: [], undo: [] },
    },
  ])
}

/** A rule that translates, in the language that this host's rules are in. */
export const masquerade = (facts: Facts, uplink: string): Finding['fix'] => {
  const { destination, source = '', cable, inside } = facts
  const own = facts.addressesOf(inside, cable.inner).find(({ address }) => address === source)
  const network =
    networkOf(`${source}/${own?.prefixLength ?? (destination.family === 4 ? 32 : 128)}`) ?? source
  const family = destination.family === 4 ? 'ip' : 'ip6'
  if (usesIptables(facts)) {
    const program = destination.family === 4 ? 'iptables' : 'ip6tables'
    const rule = `POSTROUTING -s ${network} -o ${uplink} -j MASQUERADE`
    return { commands: [`${program} -t nat -A ${rule}`], undo: [`${program} -t nat -D ${rule}`] }
  }
  const table = `${family} doctor_nat`
  return {
    commands: [
      `nft add table ${table}`,
      `nft 'add chain ${table} postrouting { type nat hook postrouting priority srcnat; }'`,
      `nft 'add rule ${table} postrouting ${family} saddr ${network} oifname "${uplink}" masquerade'`,
    ],
    undo: [`nft delete table ${table}`],
  }
}

/** Whether the rules of this host were made by iptables, where they are not natspace's. */
export const usesIptables = (facts: Facts): boolean =>
  facts
    .ruleset(undefined)
    .tables.some(
      table =>
        (table.family === 'ip' || table.family === 'ip6') &&
        /^(filter|nat|mangle|raw)$/.test(table.name) &&
        ownerOfTable(table).program !== 'nftables',
    )
