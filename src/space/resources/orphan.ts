import type { KeyField } from '../../linux/nftables/index.ts'
import { spaceOfAlias } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { namespacePath } from '../spec/names.ts'
import type { PortRange, Publish, Transport } from '../spec/types.ts'
import { newSpaceRecord, type SpaceRecord } from '../state/records.ts'

/**
 * A record made up from the marks alone, for a space whose record is lost: its host end bears our alias, and the sets of
 * our table say the rest. The namespace is left in place, as nothing says who made it. Undefined when there is no mark.
 */
export const orphanOf = (seen: Observation, bootId: string, name: string): SpaceRecord | undefined => {
  const host = [...seen.links(undefined).values()].find(link => spaceOfAlias(link.alias) === name)
  if (host === undefined) return undefined
  const where = namespacePath(name)
  const inner = [...seen.links(where).values()].find(link => spaceOfAlias(link.alias) === name)
  const gateway = seen
    .addresses(undefined)
    .get(host.index)
    ?.find(item => item.family === 4)
  const { address = '0.0.0.0', prefixLength = 32 } = gateway ?? {}
  const inside = memberOf(seen, 'source4', host.name) ?? '0.0.0.0'
  const uplink = memberOf(seen, 'via', host.name)
  return newSpaceRecord(
    bootId,
    {
      name,
      namespacePath: where,
      hostInterface: host.name,
      interface: inner?.name ?? 'eth0',
      gateway: address,
      address: inside,
      prefixLength,
      network: `${address}/${prefixLength}`,
      ...(uplink === undefined ? {} : { uplink }),
      publish: publishedTo(seen, inside),
      internal: seenElements(seen, 'internal').has(keyText([host.name])),
      fixFirewall: false,
    },
    false,
  )
}

/** What a set says of a cable: the second field of its element. */
const memberOf = (seen: Observation, set: string, hostInterface: string): string | undefined => {
  for (const { key } of seenElements(seen, set).values()) if (key[0] === hostInterface) return String(key[1])
  return undefined
}

/** The ports that lead to an inside address. */
const publishedTo = (seen: Observation, address: string): Publish[] =>
  ['publish4', 'publish4_at', 'publish4_range', 'publish4_range_at'].flatMap(set =>
    [...seenElements(seen, set).values()].flatMap(({ key, data }) => {
      const [target, port] = Array.isArray(data) ? data : []
      if (target !== address) return []
      const [protocol, outer] = key.slice(-2)
      const hostPort = rangeOf(outer)
      return [
        {
          protocol: String(protocol) as Transport,
          ...(key.length > 2 ? { hostAddress: String(key[0]) } : {}),
          hostPort,
          port: port === undefined ? hostPort : rangeOf(port),
        },
      ]
    }),
  )

const rangeOf = (field: KeyField | undefined): PortRange =>
  typeof field === 'object' && 'first' in field
    ? { first: Number(field.first), last: Number(field.last) }
    : { first: Number(field), last: Number(field) }
