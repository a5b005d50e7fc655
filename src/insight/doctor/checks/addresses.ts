import { isLinkLocal } from '../../../linux/net/ip.ts'
import { networkOf, prefixContains, prefixesOverlap } from '../../../linux/net/prefix.ts'
import { neighbourState } from '../../../linux/rtnetlink/neighbour.ts'
import { routeProtocol, routeTable } from '../../../linux/rtnetlink/route.ts'
import { innerAddresses } from '../../../space/spec/endpoints.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'
import { againFix, ipInside } from '../subject.ts'

/** Addresses of both ends, the gateway, who else has them, and what the neighbour tables say. */
export const checkAddresses = (facts: Facts): CheckResult =>
  together([
    checkEnds(facts),
    checkGateway(facts),
    // A tap leads to a program, which may give it addresses and routes of the host.
    ...(facts.cable.inner?.kind === 'tun' ? [] : [checkTwice(facts), checkOverlap(facts)]),
    checkNeighbours(facts),
  ])

const familyName = (family: 4 | 6): string => (family === 4 ? 'IPv4' : 'IPv6')

const checkEnds = (facts: Facts): CheckResult => {
  const { cable, destination, subject, inside, router } = facts
  const { family } = destination
  const has = (where: string | undefined, link: typeof router) =>
    facts.addressesOf(where, link).some(item => item.family === family && !isLinkLocal(item.address))
  const { space } = subject
  const own = space && innerAddresses(space).find(item => item.family === family)
  const inner = own && `${own.address}/${own.prefixLength}${own.subnet === undefined ? '' : ' noprefixroute'}`
  const outer = own && `${own.gateway}/${own.sharedLength}`
  return resultOf(
    [
      cable.inner === undefined || has(inside, cable.inner)
        ? undefined
        : {
            code: 'ADR-NONE' as const,
            what: `${cable.inner.name} inside has no ${familyName(family)} address`,
            evidence: [`addresses of ${cable.inner.name}: none of ${familyName(family)}`],
            fix:
              inner === undefined
                ? noFix
                : {
                    commands: [
                      ipInside(subject, `address add ${inner} dev ${cable.inner.name}`),
                      ...routeBack(facts),
                    ],
                    undo: [ipInside(subject, `address delete ${inner} dev ${cable.inner.name}`)],
                  },
          },
      router === undefined || has(undefined, router)
        ? undefined
        : {
            code: 'ADR-NONE' as const,
            what: `${router.name}, the end of the cable at the host, has no ${familyName(family)} address`,
            evidence: [`addresses of ${router.name}: none of ${familyName(family)}`],
            fix: hostAddressFix(facts, router.name, outer),
          },
    ],
    router === undefined
      ? `${cable.inner?.name ?? 'the namespace'} has an ${familyName(family)} address`
      : `both ends of the cable have ${familyName(family)} addresses`,
  )
}

/** The default route went with the address. */
const routeBack = ({ subject, destination }: Facts): string[] => {
  const { space } = subject
  const gateway = destination.family === 4 ? space?.gateway : space?.ipv6?.gateway
  if (space === undefined || gateway === undefined) return []
  const words = destination.family === 4 ? 'route' : '-6 route'
  return [ipInside(subject, `${words} replace default via ${gateway} dev ${space.interface}`)]
}

/** The address that the namespace takes for its gateway is that which the host end should have. */
const hostAddressFix = (facts: Facts, name: string, known: string | undefined): Finding['fix'] => {
  const { cable, inside, destination } = facts
  const gateway = gatewayOf(facts)
  const own = facts
    .addressesOf(inside, cable.inner)
    .find(
      item =>
        item.family === destination.family &&
        gateway !== undefined &&
        prefixContains(`${item.address}/${item.prefixLength}`, gateway),
    )
  const address = known ?? (own === undefined ? undefined : `${gateway}/${own.prefixLength}`)
  return address === undefined
    ? noFix
    : {
        commands: [`ip address add ${address} dev ${name}`],
        undo: [`ip address delete ${address} dev ${name}`],
      }
}

/** The gateway of the default route inside. */
const gatewayOf = ({ inside, destination, seen }: Facts): string | undefined =>
  seen
    .routes(inside)
    .find(
      ({ family, table, destination: prefix, gateway }) =>
        family === destination.family &&
        table === routeTable.main &&
        prefix.endsWith('/0') &&
        gateway !== undefined,
    )?.gateway

const checkGateway = (facts: Facts): CheckResult => {
  const { cable, inside, router } = facts
  const gateway =
    gatewayOf(facts) ??
    facts
      .addressesOf(undefined, router)
      .find(item => item.family === facts.destination.family && !isLinkLocal(item.address))?.address
  if (gateway === undefined || isLinkLocal(gateway) || cable.inner === undefined) return resultOf([])
  const own = facts
    .addressesOf(inside, cable.inner)
    .filter(item => item.family === facts.destination.family && !isLinkLocal(item.address))
  const { index } = cable.inner
  const covers =
    own.some(item => prefixContains(`${item.address}/${item.prefixLength}`, gateway)) ||
    // A route to the gateway alone makes it a neighbour too, as in a network of containers.
    facts.seen
      .routes(inside)
      .some(
        route =>
          route.destination === `${gateway}/${gateway.includes(':') ? 128 : 32}` &&
          route.gateway === undefined &&
          route.outputIndex === index,
      )
  if (!covers && own.length > 0)
    return resultOf([
      {
        code: 'ADR-GWNET',
        what: `the gateway ${gateway} is in no subnet of ${cable.inner.name}`,
        evidence: [
          `addresses of ${cable.inner.name}: ${own.map(item => `${item.address}/${item.prefixLength}`).join(', ')}`,
        ],
        fix: againFix(facts.subject),
      },
    ])
  const hostAddresses = facts.addressesOf(undefined, router).map(({ address }) => address)
  if (router !== undefined && hostAddresses.length > 0 && !hostAddresses.includes(gateway))
    return resultOf([
      {
        code: 'ADR-GWNET',
        what: `the gateway of the namespace, ${gateway}, is not the address of ${router.name}`,
        evidence: [`addresses of ${router.name}: ${hostAddresses.join(', ')}`],
        fix: againFix(facts.subject),
      },
    ])
  return resultOf(
    [],
    router === undefined
      ? `the gateway ${gateway} is a neighbour of ${cable.inner.name}`
      : `the gateway ${gateway} is the other end of the cable`,
  )
}

/** The same address at another link of the host, or in another namespace whose cable ends here. */
const checkTwice = (facts: Facts): CheckResult => {
  const { inside, cable, router, kernel, subject } = facts
  const own = facts.addressesOf(inside, cable.inner).filter(item => !isLinkLocal(item.address))
  const others: { address: string; at: string }[] = []
  for (const link of facts.links(undefined))
    if (link.index !== router?.index)
      for (const { address } of facts.addressesOf(undefined, link)) others.push({ address, at: link.name })
  for (const name of kernel.namespaceNames()) {
    const path = `/run/netns/${name}`
    if (kernel.namespaceState(path) !== 'present') continue
    if (kernel.namespaceIdentity(path) === kernel.namespaceIdentity(subject.path)) continue
    // Only a namespace that hangs at this host shares its routes.
    const peers = new Set(facts.links(undefined).map(({ peer }) => peer))
    for (const link of kernel.links(path))
      if (link.kind === 'veth' && peers.has(link.index) && !link.loopback)
        for (const { index, address } of kernel.addresses(path))
          if (index === link.index) others.push({ address, at: `${link.name} in ${name}` })
  }
  return resultOf(
    own.flatMap(({ address }) =>
      others
        .filter(item => item.address === address)
        .map(({ at }) => ({
          code: 'ADR-DUP' as const,
          what: `${address} is also the address of ${at}`,
          evidence: [`${address}: ${cable.inner?.name} inside, and ${at}`],
          fix: noFix,
        })),
    ),
    'no other link has its address',
  )
}

/**
 * A route of another link that covers part of the subnet, or all of it more closely. Where the subnet is behind the
 * gateway, as in a network of containers, others are meant to be there.
 */
const checkOverlap = (facts: Facts): CheckResult => {
  const { inside, cable, router, seen } = facts
  const isBehindGateway = (prefix: string): boolean => {
    const network = networkOf(prefix)
    return seen
      .routes(inside)
      .some(({ destination, gateway }) => destination === network && gateway !== undefined)
  }
  const subnets = facts
    .addressesOf(inside, cable.inner)
    .filter(
      ({ address, prefixLength, family }) =>
        !isLinkLocal(address) &&
        prefixLength < (family === 4 ? 32 : 128) &&
        !isBehindGateway(`${address}/${prefixLength}`),
    )
    .map(({ address, prefixLength }) => ({ prefix: `${address}/${prefixLength}`, length: prefixLength }))
  const clashes = subnets.flatMap(({ prefix, length }) =>
    facts
      .routes(undefined)
      .filter(
        route =>
          route.outputIndex !== undefined &&
          route.outputIndex !== router?.index &&
          route.outputIndex !== cable.host?.index &&
          Number(route.destination.split('/')[1]) >= length &&
          !(route.table === routeTable.local && route.protocol === routeProtocol.kernel) &&
          prefixesOverlap(route.destination, prefix),
      )
      .map(route => ({ route, prefix })),
  )
  const names = new Set(clashes.map(({ route }) => `${route.destination} ${route.outputIndex}`))
  return resultOf(
    clashes
      .filter(
        (item, place) => clashes.findIndex(one => one.route.destination === item.route.destination) === place,
      )
      .slice(0, names.size)
      .map(({ route, prefix }) => ({
        code: 'ADR-OVERLAP' as const,
        what: `the route ${route.destination} of ${seen.linkName(undefined, route.outputIndex) ?? 'another link'} overlaps the network of the namespace`,
        evidence: [
          `${prefix} inside; ${route.destination} dev ${seen.linkName(undefined, route.outputIndex) ?? route.outputIndex}${route.table === routeTable.main ? '' : ` table ${route.table}`} in this host`,
        ],
        fix: noFix,
      })),
    'no route of the host overlaps its network',
  )
}

const failedStates = neighbourState.failed | neighbourState.incomplete
const fixed = neighbourState.permanent | neighbourState.noArp

/** Entries with a link address that the other end does not have. */
const checkNeighbours = (facts: Facts): CheckResult => {
  const { cable, inside, router, subject } = facts
  const { inner, host } = cable
  if (inner === undefined || host === undefined || router === undefined) return resultOf([])
  const ends = [
    { where: inside, link: inner, other: router, at: undefined },
    { where: undefined, link: router, other: inner, at: inside },
  ]
  return resultOf(
    ends.flatMap(({ where, link, other, at }) => {
      const theirs = facts.addressesOf(at, other).map(({ address }) => address)
      return facts
        .neighbours(where)
        .filter(
          entry =>
            entry.index === link.index &&
            theirs.includes(entry.address) &&
            entry.linkAddress !== undefined &&
            entry.linkAddress !== other.address &&
            ((entry.state & failedStates) === 0 || (entry.state & fixed) !== 0),
        )
        .map((entry): Finding => {
          const words = `neighbour delete ${entry.address} dev ${link.name}`
          const back = `neighbour replace ${entry.address} lladdr ${entry.linkAddress} dev ${link.name}`
          return {
            code: 'NGH-STALEMAC',
            what: `${link.name} takes ${entry.linkAddress} for the link address of ${entry.address}`,
            evidence: [
              `entry: ${entry.address} lladdr ${entry.linkAddress}`,
              `${other.name} has ${other.address}`,
            ],
            fix:
              where === undefined
                ? { commands: [`ip ${words}`], undo: [`ip ${back}`] }
                : { commands: [ipInside(subject, words)], undo: [ipInside(subject, back)] },
          }
        })
    }),
    'the neighbour tables agree with the cable',
  )
}
