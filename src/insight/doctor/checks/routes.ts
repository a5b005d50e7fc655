import type { Where } from '../../../linux/change.ts'
import { isLinkLocal } from '../../../linux/net/ip.ts'
import { routeProtocol, routeTable } from '../../../linux/rtnetlink/route.ts'
import { interfaceSysctl } from '../../../linux/sysctl.ts'
import { defaultUplink } from '../../../space/reconcile/facts.ts'
import { decisionText } from '../../trace/route-text.ts'
import type { RouteDecision } from '../../walk/route-decisions.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'
import { ipInside } from '../subject.ts'

/**
 * The routing oracle: the kernel is asked the look-ups of a packet's way and of its answer's, with the links by which they
 * come. What it says is what happens, whatever rules and tables lead to it.
 */
export const checkRoutes = (facts: Facts): CheckResult =>
  together([
    checkOut(facts),
    checkUplink(facts),
    checkBack(facts),
    checkReverse(facts),
    checkAdvertised(facts),
  ])

const forbids = (decision: RouteDecision): string | undefined =>
  decision.found && ['blackhole', 'unreachable', 'prohibit'].includes(decision.type)
    ? decision.type
    : undefined

/** Out of the namespace. */
const checkOut = (facts: Facts): CheckResult => {
  const { cable, inside, destination, source, subject, router } = facts
  if (cable.inner === undefined) return resultOf([])
  const decision = facts.route(inside, { destination: destination.address })
  const words = destination.family === 4 ? 'route' : '-6 route'
  const gateway = facts
    .addressesOf(undefined, router)
    .find(({ family }) => family === destination.family)?.address
  const restore = (): Finding['fix'] => {
    if (gateway === undefined) return noFix
    const route = `default via ${gateway} dev ${cable.inner?.name}`
    return {
      commands: [ipInside(subject, `${words} replace ${route}`)],
      undo: [ipInside(subject, `${words} delete ${route}`)],
    }
  }
  if (!decision.found) {
    const barrier = barrierOf(facts, inside, decision.code)
    return resultOf([
      barrier ?? {
        code: 'RT-NODEFAULT',
        what: `no route inside leads to ${destination.address}`,
        evidence: [`look-up inside: ${decision.code}`],
        fix: restore(),
      },
    ])
  }
  const barrier = forbids(decision)
  if (barrier !== undefined) return resultOf([blockedBy(facts, inside, barrier, decision)])
  if (decision.type === 'unicast' && decision.device?.index !== cable.inner.index)
    return resultOf([
      {
        code: 'RT-WRONGWAY',
        what: `the route inside to ${destination.address} leads to ${decision.device?.name ?? 'another link'}, and not to ${cable.inner.name}`,
        evidence: [`look-up inside: ${decisionText(decision)}`],
        fix: restore(),
      },
    ])
  return resultOf([], `inside: ${decisionText(decision)}${source === undefined ? '' : `, from ${source}`}`)
}

/** The IPv6 look-up, and that of an unreachable route, fails with the route's own error. */
const barrierOf = (facts: Facts, where: Where, code: string): Finding | undefined => {
  const kinds: Record<string, number[]> = { EHOSTUNREACH: [7], EACCES: [8], EINVAL: [6], ENETUNREACH: [7] }
  const route = facts.routes(where).find(
    item =>
      item.family === facts.destination.family &&
      (kinds[code] ?? []).includes(item.type) &&
      item.table !== routeTable.local &&
      // The kernel keeps routes of its own that end what nothing else leads on.
      item.protocol !== routeProtocol.kernel,
  )
  if (route === undefined) return undefined
  const kind = { 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' }[route.type] ?? 'unreachable'
  return routeFinding(facts, where, kind, route.destination, route.table)
}

const blockedBy = (facts: Facts, where: Where, kind: string, decision: RouteDecision): Finding =>
  routeFinding(
    facts,
    where,
    kind,
    (decision.found ? decision.route?.destination : undefined) ?? facts.destination.address,
    decision.found ? decision.table : routeTable.main,
  )

const routeFinding = (facts: Facts, where: Where, kind: string, prefix: string, table: number): Finding => {
  const family = prefix.includes(':') ? '-6 ' : ''
  const words = (verb: string) => `${family}route ${verb} ${kind} ${prefix} table ${table}`
  const run = (text: string) => (where === undefined ? `ip ${text}` : ipInside(facts.subject, text))
  return {
    code: 'RT-BLOCKED',
    what: `the route ${kind} ${prefix} ${where === undefined ? 'of this host' : 'inside'} ends the way to ${facts.destination.address}`,
    evidence: [`${kind} ${prefix}, table ${table}`],
    fix: { commands: [run(words('delete'))], undo: [run(words('add'))] },
  }
}

/** Through the host to the destination: does the host itself know a way? */
const checkUplink = (facts: Facts): CheckResult => {
  const { destination, seen, router } = facts
  const own = facts.route(undefined, { destination: destination.address })
  if (own.found && own.type === 'local') return resultOf([], `${destination.address} is this host itself`)
  const barrier = forbids(own) ?? (own.found ? undefined : barrierOf(facts, undefined, own.code)?.code)
  if (barrier !== undefined)
    return resultOf([
      own.found ? blockedBy(facts, undefined, barrier, own) : barrierOf(facts, undefined, own.code),
    ])
  if (!own.found)
    return resultOf([
      {
        code: 'UP-NONE',
        what: `this host has no route to ${destination.address}`,
        evidence: [`look-up of this host: ${own.code}`, ...downLinks(facts)],
        fix: noFix,
      },
    ])
  const link = own.device?.name === undefined ? undefined : seen.link(undefined, own.device.name)
  if (link !== undefined && (!link.up || !link.carrier) && link.index !== router?.index)
    return resultOf([
      {
        code: 'UP-NONE',
        what: `${link.name}, the link of this host that leads to ${destination.address}, ${link.up ? 'has no carrier' : 'is down'}`,
        evidence: [`look-up of this host: ${decisionText(own)}`],
        fix: link.up
          ? noFix
          : { commands: [`ip link set ${link.name} up`], undo: [`ip link set ${link.name} down`] },
      },
    ])
  return resultOf([], `this host: ${decisionText(own)}`)
}

const downLinks = (facts: Facts): string[] =>
  facts
    .links(undefined)
    .filter(link => !link.loopback && !link.up && link.kind !== 'veth')
    .map(link => `${link.name} is down`)

/** The answer's way: from the uplink to the inside. */
const checkBack = (facts: Facts): CheckResult => {
  const { source, router, uplink, destination, seen } = facts
  if (source === undefined || router === undefined) return resultOf([])
  const from = uplink === undefined ? undefined : seen.link(undefined, uplink)
  // Without a way in there is no answer to ask about.
  const isOutside = from !== undefined && from.index !== router.index && !from.loopback
  const question = isOutside
    ? { destination: source, source: destination.address, inputIndex: from.index }
    : { destination: source }
  const answer = facts.route(undefined, question)
  const plain = facts.route(undefined, { destination: source })
  const leadsBack = (decision: RouteDecision) => decision.found && decision.device?.index === router.index
  if (!leadsBack(plain) || (isOutside && !leadsBack(answer) && isAnswerAbout(answer)))
    return resultOf([missingBack(facts, leadsBack(plain) ? answer : plain)])
  const tables = sourceTables(facts)
  return tables.length > 0 ? resultOf(tables) : resultOf([], `answers: ${decisionText(plain)}`)
}

/** A look-up with an incoming link may also fail by its source, or as that link does not forward. */
const isAnswerAbout = (decision: RouteDecision): boolean => decision.found || decision.code === 'ENETUNREACH'

const missingBack = (facts: Facts, decision: RouteDecision): Finding => {
  const { source = '', router, destination } = facts
  const words = destination.family === 4 ? '' : '-6 '
  const rule = decision.found && 'rule' in decision.rule ? decision.rule.rule : undefined
  const isByRule = decision.found && decision.table !== routeTable.main && decision.table !== routeTable.local
  if (isByRule) {
    const add = `${words}rule add to ${source} lookup main priority 5200`
    return {
      code: 'RT-VPN-REPLY',
      what: `answers to ${source} are led to ${decision.device?.name ?? 'another link'} by policy routing`,
      evidence: [
        `look-up of the answer: ${decisionText(decision)}`,
        ...(rule === undefined ? [] : [`rule of priority ${rule.priority}, table ${rule.table}`]),
      ],
      fix: { commands: [`ip ${add}`], undo: [`ip ${add.replace('rule add', 'rule delete')}`] },
    }
  }
  const add = `${words}route add ${source} dev ${router?.name}`
  return {
    code: 'RT-NOHOSTROUTE',
    what: `this host does not lead ${source} to ${router?.name}`,
    evidence: [`look-up of the answer: ${decision.found ? decisionText(decision) : decision.code}`],
    fix: { commands: [`ip ${add}`], undo: [`ip ${add.replace('route add', 'route delete')}`] },
  }
}

/** What this host itself answers from its own addresses: rules by source may lead it to a table without the way back. */
const sourceTables = (facts: Facts): Finding[] => {
  const { source = '', router, destination, uplink, seen } = facts
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  return facts
    .addressesOf(undefined, link)
    .filter(({ family, address }) => family === destination.family && !address.startsWith('fe80'))
    .flatMap(({ address }): Finding[] => {
      const decision = facts.route(undefined, { destination: source, source: address })
      if (decision.found && decision.device?.index === router?.index) return []
      if (!decision.found || decision.type !== 'unicast') return []
      const words = `${destination.family === 4 ? '' : '-6 '}route add ${source} dev ${router?.name} table ${decision.table}`
      return [
        {
          code: 'RT-SRCRULE',
          what: `what this host sends from ${address} to ${source} is looked up in table ${decision.tableName}, which does not know the namespace`,
          evidence: [`look-up from ${address}: ${decisionText(decision)}`],
          fix: { commands: [`ip ${words}`], undo: [`ip ${words.replace('route add', 'route delete')}`] },
        },
      ]
    })
}

/** The reverse path filter of the links by which packets come in. */
const checkReverse = (facts: Facts): CheckResult => {
  const { destination, source, router, uplink, seen } = facts
  if (destination.family === 6 || router === undefined) return resultOf([])
  const general = Number(facts.sysctl(undefined, interfaceSysctl('ipv4', 'all', 'rp_filter')) ?? 0)
  const strict = (name: string): boolean =>
    Math.max(general, Number(facts.sysctl(undefined, interfaceSysctl('ipv4', name, 'rp_filter')) ?? 0)) === 1
  const comes: { name: string; index: number; address: string | undefined }[] = [
    { name: router.name, index: router.index, address: source },
  ]
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  if (link !== undefined && link.index !== router.index)
    comes.push({ name: link.name, index: link.index, address: destination.address })
  return resultOf(
    comes.flatMap(({ name, index, address }): Finding[] => {
      if (address === undefined || !strict(name)) return []
      const back = facts.route(undefined, { destination: address })
      if (!back.found || back.device?.index === index || back.type !== 'unicast') return []
      const key = interfaceSysctl('ipv4', name, 'rp_filter')
      return [
        {
          code: 'RT-RPF',
          what: `what comes from ${address} by ${name} is dropped, as answers would leave by ${back.device?.name}`,
          evidence: [`rp_filter of ${name}: strict (1)`, `look-up of the way back: ${decisionText(back)}`],
          fix: {
            commands: [`sysctl -w ${key}=2`],
            undo: [`sysctl -w ${key}=${facts.sysctl(undefined, key) ?? 1}`],
          },
        },
      ]
    }),
    'the reverse path filter stops nothing of it',
  )
}

/** A host that forwards IPv6 and does not accept router advertisements loses its default route. */
const checkAdvertised = (facts: Facts): CheckResult => {
  if (facts.destination.family !== 6) return resultOf([])
  const isForwarding = facts.sysctl(undefined, interfaceSysctl('ipv6', 'all', 'forwarding')) === '1'
  const defaults = facts
    .routes(undefined)
    .filter(
      ({ family, destination, table }) => family === 6 && destination === '::/0' && table === routeTable.main,
    )
  const own = facts.route(undefined, { destination: facts.destination.address })
  if (!isForwarding || defaults.length > 0 || own.found) return resultOf([])
  return resultOf(
    facts
      .links(undefined)
      .filter(
        link =>
          !link.loopback && link.up && (link.kind !== 'veth' || link.name === defaultUplink(facts.seen)),
      )
      .filter(link => facts.sysctl(undefined, interfaceSysctl('ipv6', link.name, 'accept_ra')) === '1')
      .slice(0, 1)
      .map(link => {
        const { name } = link
        const key = interfaceSysctl('ipv6', name, 'accept_ra')
        // Without an address that others can use there may never have been a route.
        const hadIpv6 = facts
          .addressesOf(undefined, link)
          .some(({ family, address }) => family === 6 && !isLinkLocal(address))
        return {
          code: 'RT-V6-RALOST' as const,
          ...(hadIpv6 ? {} : { severity: 'notice' as const }),
          what: `this host forwards IPv6, and so ignores the router advertisements that come by ${name}`,
          evidence: ['net.ipv6.conf.all.forwarding = 1', `${key} = 1`, 'no IPv6 default route'],
          fix: { commands: [`sysctl -w ${key}=2`], undo: [`sysctl -w ${key}=1`] },
        }
      }),
  )
}
