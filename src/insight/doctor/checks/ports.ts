import { isLoopback } from '../../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'
import type { Listener } from '../../../linux/socket-diag/listener.ts'
import { publishedByOthers } from '../../../space/firewall/published-by-others.ts'
import { boundAddress, formatPublish, isPublishedIn } from '../../../space/spec/publish.ts'
import type { Publish } from '../../../space/spec/types.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'
import { checkInbound, type Inbound } from './inbound.ts'

export type { Inbound }

/** Ports that lead into the namespace. With `inbound` that one is looked at whole, its listener too. */
export const checkPorts = (facts: Facts, inbound: Inbound | undefined): CheckResult => {
  const published = (facts.subject.space?.publish ?? []).map(publish => checkPublished(facts, publish))
  const isStolen = published.some(({ findings }) => findings.some(({ code }) => code === 'PUB-STOLEN'))
  return together([
    ...published,
    ...(inbound === undefined || isStolen ? [] : [checkInbound(facts, inbound)]),
  ])
}

/** What can be said of a published port whether its program runs or not. */
const checkPublished = (facts: Facts, publish: Publish): CheckResult => {
  const { protocol, hostPort } = publish
  const hostAddress = boundAddress(publish)
  const text = formatPublish(publish)
  const addresses = facts
    .links(undefined)
    .flatMap(link => facts.addressesOf(undefined, link))
    .map(({ address }) => address)
  const isGone = hostAddress !== undefined && !isLoopback(hostAddress) && !addresses.includes(hostAddress)
  return resultOf(
    [
      isGone
        ? {
            code: 'PUB-HOSTIP' as const,
            what: `${text} is published on ${hostAddress}, which this host does not have`,
            evidence: [`addresses: ${addresses.join(', ')}`],
            fix: noFix,
          }
        : undefined,
      ...facts.kernel
        .listeners(undefined, protocol)
        .filter(
          item =>
            item.port >= hostPort.first &&
            item.port <= hostPort.last &&
            (hostAddress === undefined ||
              item.address === hostAddress ||
              /^(0\.0\.0\.0|::)$/.test(item.address)),
        )
        .map(item => inUse(facts, text, item)),
      stolen(facts, publish),
      ...staleFlows(facts, publish),
    ],
    `the published port ${text} is ours alone`,
  )
}

const inUse = (facts: Facts, text: string, { address, port, inode }: Listener): Finding => {
  const owner = facts.kernel.socketOwner(inode)
  const program = owner === undefined ? 'a program' : `${owner.command} (process ${owner.pid})`
  return {
    code: 'PUB-INUSE',
    what: `${program} of this host listens at ${address}:${port}, which is published as ${text}`,
    evidence: [`listener ${address}:${port}`],
    fix: noFix,
  }
}

const stolen = (facts: Facts, publish: Publish): Finding | undefined => {
  const { protocol, hostPort } = publish
  const { destination, uplink } = facts
  if (!isPublishedIn(destination.family, publish)) return undefined
  const hostAddress = boundAddress(publish)
  const other = publishedByOthers(facts.ruleset(undefined), {
    family: destination.family,
    protocol,
    port: hostPort.first,
    ...(hostAddress === undefined ? {} : { address: hostAddress }),
    ...(uplink === undefined ? {} : { uplink }),
  }).find(({ certain, hook }) => certain && hook === 'prerouting')
  if (other === undefined) return undefined
  const { by, text, owner } = other
  return {
    code: 'PUB-STOLEN',
    what: `${owner.name} leads port ${hostPort.first} elsewhere, before natspace is asked`,
    evidence: [`${by.family} ${by.table} ${by.chain}: ${text}`],
    fix: noFix,
  }
}

/** Connections of UDP that were there before the port was published keep their old way for as long as packets come. */
export const staleFlows = (
  facts: Facts,
  { protocol, hostPort }: Pick<Publish, 'protocol' | 'hostPort'>,
): Finding[] => {
  const { source, destination } = facts
  if (protocol !== 'udp' || source === undefined) return []
  const local = new Set(
    facts
      .links(undefined)
      .flatMap(link => facts.addressesOf(undefined, link))
      .map(({ address }) => address),
  )
  const stale = facts.kernel
    .flows(undefined, {
      family: destination.family,
      protocol: PROTOCOL_NUMBER.udp,
      originalDestinationPort: hostPort,
      notReplySource: source,
    })
    .filter(({ original }) => local.has(original.destination))
  if (stale.length === 0) return []
  const port = stale[0]?.original.destinationPort
  return [
    {
      code: 'CT-STALE-UDP',
      what: `connection tracking still leads ${stale.length === 1 ? 'a flow' : `${stale.length} flows`} to port ${port}/udp elsewhere`,
      evidence: stale
        .slice(0, 4)
        .map(
          ({ original, reply }) =>
            `${original.source}:${original.sourcePort} to ${original.destination}:${original.destinationPort} is answered by ${reply.source}`,
        ),
      fix: {
        commands: [`conntrack -D -f ipv${destination.family} -p udp --orig-port-dst ${port}`],
        undo: [],
      },
    },
  ]
}
