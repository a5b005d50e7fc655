import type { Change } from '../../linux/change.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import { links6 } from '../reconcile/facts.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import type { HostRecord } from '../state/records.ts'
import type { Resource } from './resource.ts'

const all = 'net.ipv6.conf.all.forwarding'

/**
 * Step 7 for IPv6. A host that forwards stops listening to router advertisements, and with them would lose its default
 * route. Where the kernel has it (6.17), `force_forwarding` makes single interfaces forward what comes in by them and
 * leaves the host a host; elsewhere the interfaces are told to go on listening (`accept_ra` = 2) before the switch of
 * all is turned. What was before is noted, and put back with the last space.
 * Equivalent to: `sysctl -w net.ipv6.conf.UPLINK.force_forwarding=1`
 */
export const forwarding6Resource = (record: HostRecord['forwarding6'], resumed = false): Resource => {
  const id = 'forwarding of IPv6'
  const common = { step: 'forwarding', space: undefined } as const
  return {
    id,
    ...common,
    phase: 'forwarding',
    drift: seen =>
      missing(seen).map(
        ({ key, value }): Drift => ({
          resource: id,
          ...common,
          expected: `${key} = ${value}`,
          found: `${key} = ${seen.sysctl(undefined, key) ?? 'missing'}`,
        }),
      ),
    add(seen) {
      const switches = missing(seen)
      if (switches.length === 0) return []
      const undo = restore(seen, forwarding6Before(seen))
      return switches.map(
        ({ key, value }, index): Operation => ({
          change: { type: 'sysctl.set', where: undefined, key, value },
          // All of it comes back when the first is undone, which is done last.
          undo: index === 0 ? undo : [],
          ...common,
        }),
      )
    },
    remove(seen) {
      if (record === undefined) return []
      return restore(seen, stillOurs(seen, record.before, resumed)).map(change => ({
        change,
        undo: [],
        ...common,
      }))
    },
  }
}

type Switch = { key: string; value: string }

const leafOf = (name: string, leaf: string): string => interfaceSysctl('ipv6', name, leaf)

/** What has to be turned, in order; nothing where everything is forwarded already. */
const missing = (seen: Observation): Switch[] => {
  if (seen.sysctl(undefined, all) === '1') return []
  const links = links6(seen)
  const isForced = seen.sysctl(undefined, leafOf('default', 'force_forwarding')) !== undefined
  if (isForced)
    return links
      .map(({ name }) => ({ key: leafOf(name, 'force_forwarding'), value: '1' }))
      .filter(({ key, value }) => seen.sysctl(undefined, key) !== value)
  return [
    ...links
      .map(({ name }) => ({ key: leafOf(name, 'accept_ra'), value: '2' }))
      .filter(({ key }) => seen.sysctl(undefined, key) === '1'),
    { key: all, value: '1' },
  ]
}

/** The values that turning it on will overwrite, as far as they are not what it sets them to already. */
export const forwarding6Before = (seen: Observation): Record<string, string> => {
  const before: Record<string, string> = {}
  const note = (key: string) => {
    const value = seen.sysctl(undefined, key)
    if (value !== undefined) before[key] = value
  }
  const switches = missing(seen)
  for (const { key } of switches) note(key)
  if (!switches.some(({ key }) => key === all)) return before
  note(leafOf('default', 'forwarding'))
  for (const { name } of seen.links(undefined).values())
    if (seen.sysctl(undefined, leafOf(name, 'forwarding')) === '1') note(leafOf(name, 'forwarding'))
  return before
}

/**
 * Of what was before, that which nobody but natspace changed: a switch that somebody turned back is theirs. Where it was
 * natspace that turned it back and was killed then, the switches that this overwrote are still to be put back.
 */
const stillOurs = (
  seen: Observation,
  before: Record<string, string>,
  resumed: boolean,
): Record<string, string> => {
  const isForwarding = before[all] === undefined || seen.sysctl(undefined, all) === '1'
  const isOverwritten = (key: string) =>
    resumed && key !== all && key.endsWith('.forwarding') && seen.sysctl(undefined, key) === '0'
  return Object.fromEntries(
    Object.entries(before).filter(([key]) =>
      key.endsWith('.accept_ra') ? seen.sysctl(undefined, key) === '2' : isForwarding || isOverwritten(key),
    ),
  )
}

/** The switch of all first, as it overwrites the others; then those that it does not put back by itself. */
const restore = (seen: Observation, { [all]: first, ...others }: Record<string, string>): Change[] => {
  const rest = Object.entries(others).filter(
    ([key, value]) =>
      seen.sysctl(undefined, key) !== undefined && !(key.endsWith('.forwarding') && value === '0'),
  )
  return [...(first === undefined ? [] : [[all, first] as const]), ...rest].map(([key, value]) => ({
    type: 'sysctl.set',
    where: undefined,
    key,
    value,
  }))
}
