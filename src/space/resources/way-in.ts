import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Before } from '../state/records.ts'
import type { Elsewhere } from './elements.ts'
import type { Resource } from './resource.ts'

/** What of the way to a cable of others lets connections of this host to 127.0.0.1:PORT be led inside. */
export const localnetKey = (way: string): string => interfaceSysctl('ipv4', way, 'route_localnet')

/** How spaces that have one way in common are asked for by `Elsewhere`. */
export const wayKey = (way: string): string => `way ${way}`

/** Whether the space needs the setting: it publishes, by IPv4, behind a link that is another's. */
export const needsLocalnet = ({ behind, hostInterface, publish, address }: ResolvedSpace): boolean =>
  behind !== undefined && hostInterface !== '' && publish.length > 0 && address !== ''

/**
 * Lets answers to 127.0.0.1 come in by a link of another plugin, a bridge or the host end of a cable, while anything
 * behind it is published; the guard drops every other packet with 127/8. What was before comes back with the last space
 * behind that link. Equivalent to: `sysctl -w net.ipv4.conf.LINK.route_localnet=1`
 */
export const wayInResource = (
  space: ResolvedSpace,
  before: Before | undefined,
  elsewhere: Elsewhere = () => false,
): Resource => {
  const { name, hostInterface: way } = space
  const key = localnetKey(way)
  const id = `answers to the loopback by ${way}`
  const common = { step: 'publish', space: name } as const
  const isNeeded = needsLocalnet(space)
  return {
    id,
    ...common,
    // Behind the guard, and gone before it.
    phase: 'open',
    drift(seen) {
      const found = isNeeded ? seen.sysctl(undefined, key) : undefined
      if (found === undefined || found === '1') return []
      return [{ resource: id, ...common, expected: `${key} = 1`, found: `${key} = ${found}` }]
    },
    add(seen) {
      const found = isNeeded ? seen.sysctl(undefined, key) : undefined
      if (found === undefined || found === '1') return []
      return [
        {
          change: { type: 'sysctl.set', where: undefined, key, value: '1' },
          undo: [{ type: 'sysctl.set', where: undefined, key, value: found }],
          ...common,
        },
      ]
    },
    remove(seen) {
      const value = before?.localnet
      if (value === undefined || elsewhere(wayKey(way)) || seen.sysctl(undefined, key) !== '1') return []
      return [{ change: { type: 'sysctl.set', where: undefined, key, value }, undo: [], ...common }]
    },
  }
}
