import type { Where } from '../../../linux/change.ts'
import type { Link } from '../../../linux/rtnetlink/link.ts'
import { interfaceSysctl } from '../../../linux/sysctl.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, resultOf, together } from '../finding.ts'
import { againFix, ipInside } from '../subject.ts'

/** The cable: both ends, the bridge behind it, and the loopback inside. */
export const checkLinks = (facts: Facts): CheckResult => together([checkLoopback(facts), checkCable(facts)])

const checkLoopback = (facts: Facts): CheckResult => {
  const loopback = facts.links(facts.inside).find(link => link.loopback)
  if (loopback === undefined || loopback.up) return resultOf([], 'the loopback inside is up')
  return resultOf([
    {
      code: 'LNK-LO',
      // natspace had taken it up; by hand it is often forgotten, and missed by nobody.
      ...(facts.subject.space === undefined ? {} : { severity: 'warning' as const }),
      what: `${loopback.name} is down inside`,
      evidence: [`${loopback.name}: not UP`],
      fix: {
        commands: [ipInside(facts.subject, `link set ${loopback.name} up`)],
        undo: [ipInside(facts.subject, `link set ${loopback.name} down`)],
      },
    },
  ])
}

const checkCable = (facts: Facts): CheckResult => {
  const { cable, subject, inside } = facts
  const { inner, host, bridge } = cable
  if (inner === undefined) {
    const name = subject.space?.interface
    return resultOf([
      {
        code: 'LNK-LOST',
        what:
          name === undefined
            ? 'the namespace has no link but its loopback'
            : `${name} is not there, and no other link but the loopback`,
        evidence: [
          `links inside: ${
            facts
              .links(inside)
              .map(link => link.name)
              .join(', ') || 'none'
          }`,
        ],
        fix: againFix(subject),
      },
    ])
  }
  const expected = subject.space?.hostInterface
  if (expected !== undefined && host === undefined)
    return resultOf([
      {
        code: 'LNK-LOST',
        what: `${expected}, the host end of the cable, is not there`,
        evidence: [`${inner.name} inside has its other end elsewhere`],
        fix: againFix(subject),
      },
    ])
  if (inner.kind === 'veth' && host === undefined && inner.peerNamespaceId !== undefined)
    return {
      fine: [],
      findings: [],
      unchecked: [
        `what is behind ${inner.name}: its other end is neither inside nor in the namespace of this host`,
      ],
    }
  if (inner.kind === 'veth' && host === undefined)
    return resultOf([
      {
        code: 'LNK-LOST',
        what: `the other end of ${inner.name} is not in the namespace of this host`,
        evidence: [
          `${inner.name} names ${inner.peer === undefined ? 'no peer' : `the peer with the index ${inner.peer}`}, and no veth here names it back`,
        ],
        fix: againFix(subject),
      },
    ])
  return together([
    resultOf([endFinding(facts, inside, inner), ...farFindings(facts, inner, host, bridge)], upWords(cable)),
    checkIpv6(facts, inner),
  ])
}

const upWords = ({ inner, host, bridge }: Facts['cable']): string =>
  `${[inner, host, bridge].flatMap(link => link?.name ?? []).join(', ')}: up, with a carrier`

const setUp = (facts: Facts, where: Where, name: string, state: 'up' | 'down'): string =>
  where === undefined ? `ip link set ${name} ${state}` : ipInside(facts.subject, `link set ${name} ${state}`)

const endFinding = (facts: Facts, where: Where, link: Link): Finding | undefined =>
  link.up
    ? undefined
    : {
        code: 'LNK-DOWN',
        what: `${link.name} ${where === undefined ? '' : 'inside '}is down`,
        evidence: [`${link.name}: not UP`],
        fix: {
          commands: [setUp(facts, where, link.name, 'up'), ...lostRoutes(facts, where, link)],
          undo: [setUp(facts, where, link.name, 'down')],
        },
      }

/** A link that goes down takes the default route with it; natspace knows which it was. */
const lostRoutes = ({ subject }: Facts, where: Where, link: Link): string[] => {
  const { space } = subject
  if (space === undefined || where === undefined || link.name !== space.interface) return []
  return [
    ...(space.gateway === ''
      ? []
      : [ipInside(subject, `route replace default via ${space.gateway} dev ${space.interface}`)]),
    ...(space.ipv6 === undefined
      ? []
      : [ipInside(subject, `-6 route replace default via ${space.ipv6.gateway} dev ${space.interface}`)]),
  ]
}

/** What is wrong at the host end, and behind it. */
const farFindings = (
  facts: Facts,
  inner: Link,
  host: Link | undefined,
  bridge: Link | undefined,
): (Finding | undefined)[] => [
  host === undefined || host.up
    ? undefined
    : {
        code: 'LNK-NOCARRIER' as const,
        what: `${host.name}, the other end of ${inner.name}, is down`,
        evidence: [
          `${host.name}: not UP`,
          `${inner.name} inside: ${inner.carrier ? 'carrier' : 'NO-CARRIER'}`,
        ],
        fix: {
          commands: [`ip link set ${host.name} up`],
          undo: [`ip link set ${host.name} down`],
        },
      },
  bridge === undefined ? undefined : endFinding(facts, undefined, bridge),
]

const checkIpv6 = (facts: Facts, inner: Link): CheckResult => {
  const wants6 = facts.subject.space?.ipv6 !== undefined || facts.destination.family === 6
  if (!wants6) return resultOf([])
  const ends: [Where, Link | undefined][] = [
    [facts.inside, inner],
    [undefined, facts.router],
  ]
  return resultOf(
    ends.map(([where, link]): Finding | undefined => {
      if (link === undefined) return undefined
      const key = interfaceSysctl('ipv6', link.name, 'disable_ipv6')
      if (facts.sysctl(where, key) !== '1') return undefined
      const set = (value: 0 | 1) =>
        where === undefined
          ? `sysctl -w ${key}=${value}`
          : `nsenter --net=${facts.inside} sysctl -w ${key}=${value}`
      return {
        code: 'ADR-V6OFF',
        what: `IPv6 is switched off on ${link.name}`,
        evidence: [`${key} = 1`],
        fix: { commands: [set(0)], undo: [set(1)] },
      }
    }),
  )
}
