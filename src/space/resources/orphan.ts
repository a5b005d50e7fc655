import { spaceOfAlias } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { namespacePath } from '../spec/names.ts'
import { newSpaceRecord, type SpaceRecord } from '../state/records.ts'

/**
 * A record made up from the marks alone, for a space whose record is lost: its host end bears our alias. The namespace
 * is left in place, as nothing says who made it. Undefined when there is no mark either.
 */
export const orphanOf = (seen: Observation, bootId: string, name: string): SpaceRecord | undefined => {
  const host = [...seen.links(undefined).values()].find(link => spaceOfAlias(link.alias) === name)
  if (host === undefined) return undefined
  const where = namespacePath(name)
  const inner = [...seen.links(where).values()].find(link => spaceOfAlias(link.alias) === name)
  const address =
    (host &&
      seen
        .addresses(undefined)
        .get(host.index)
        ?.find(item => item.family === 4)) ||
    undefined
  const innerAddress =
    inner &&
    seen
      .addresses(where)
      .get(inner.index)
      ?.find(item => item.family === 4)
  return newSpaceRecord(
    bootId,
    {
      name,
      namespacePath: where,
      hostInterface: host.name,
      interface: inner?.name ?? 'eth0',
      gateway: address?.address ?? '0.0.0.0',
      address: innerAddress?.address ?? '0.0.0.0',
      prefixLength: address?.prefixLength ?? 32,
      network: `${address?.address ?? '0.0.0.0'}/${address?.prefixLength ?? 32}`,
      publish: [],
      internal: false,
      fixFirewall: false,
    },
    false,
  )
}
