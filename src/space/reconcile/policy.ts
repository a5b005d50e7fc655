import { keyText } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { formatEgress } from '../spec/egress.ts'
import { formatRate } from '../spec/rate.ts'
import { peerOf } from '../spec/resolve.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Observation } from './observation.ts'
import type { Drift } from './operation.ts'
import type { Policy } from './types.ts'

/** What a space may reach and as whom, as it is written in a file; only what differs from the default. */
export const policyOf = (space: ResolvedSpace): Policy => {
  const { internal, source, rate, connect, egress, host, metadata, group, untranslated, accept } = space
  return {
    internal,
    ...(source === undefined ? {} : { source: Object.values(source) }),
    ...(rate === undefined
      ? {}
      : {
          rate: {
            ...(rate.up === undefined ? {} : { up: formatRate(rate.up) }),
            ...(rate.down === undefined ? {} : { down: formatRate(rate.down) }),
          },
        }),
    ...(connect.length === 0 ? {} : { connect: connect.map(peer => peer.name) }),
    ...(egress === undefined ? {} : { egress: { allow: egress.map(formatEgress) } }),
    host,
    ...(metadata ? { metadata } : {}),
    ...(group === undefined ? {} : { siblings: true }),
    ...(untranslated === undefined ? {} : { untranslated }),
    ...(accept === undefined ? {} : { accept }),
  }
}

/** Packets that the egress list refused, as its element in the table counts them; undefined without a list. */
export const refusedBy = (
  seen: Observation,
  { hostInterface, egress }: ResolvedSpace,
): number | undefined => {
  if (egress === undefined) return undefined
  const [counter] = seenElements(seen, 'rejected').get(keyText([hostInterface]))?.stateful ?? []
  return counter?.name === 'counter' ? Number(counter.data.packets ?? 0n) : 0
}

/** Spaces that this one may reach, but that are gone, or have another cable or address than they had then. */
export const peerDrift = (
  space: ResolvedSpace,
  spaceNamed: (name: string) => ResolvedSpace | undefined,
): Drift[] =>
  space.connect.flatMap(peer => {
    const now = spaceNamed(peer.name)
    const same =
      now !== undefined &&
      JSON.stringify(Object.entries(peerOf(now)).sort()) === JSON.stringify(Object.entries(peer).sort())
    if (same) return []
    return [
      {
        resource: `connection to ${peer.name}`,
        step: 'guard',
        space: space.name,
        expected: `the space at ${peer.hostInterface}, ${peer.address}`,
        found: now === undefined ? 'no such space' : `${now.hostInterface}, ${now.address}`,
      },
    ]
  })
