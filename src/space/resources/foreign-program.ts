import type { Change } from '../../linux/change.ts'
import { bindToZone, isBoundForGood, isBoundToZone, unbindFromZone } from '../firewall/firewalld.ts'
import { forwardTables } from '../firewall/forward-drops.ts'
import {
  addLegacyRule,
  deleteLegacyRule,
  legacyFilter,
  legacyRulesOf,
  restoreLegacyRule,
  spacesInLegacy,
  undoLegacyRule,
} from '../firewall/legacy.ts'
import { type Obstacle, obstaclesOf } from '../firewall/obstacle.ts'
import { allowByUfw, allowedByUfw, disallowByUfw, spacesInUfw } from '../firewall/ufw.ts'
import { wayKey, waysOf } from '../firewall/way.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The remedies that a front end brings about: of ufw, firewalld, iptables-legacy. A program that changes the ruleset makes
 * every batch stale that was planned before it, so these come after all batches, when adding and when removing alike.
 * Hence there are two resources: one adds, in a late phase; the other removes, in an early one.
 */
export const foreignProgramResources = (space: ResolvedSpace, previous?: ResolvedSpace): Resource[] => {
  const { name, fixFirewall } = space
  const common = { step: 'forward', space: name } as const
  const nothing = () => []
  return [
    {
      ...common,
      id: `accepted by other firewalls' programs: ${name}`,
      phase: 'foreign-program',
      drift: seen =>
        fixFirewall
          ? obstaclesOf(seen, space)
              .filter(({ remedy }) => ['ufw', 'firewalld', 'legacy'].includes(remedy.kind))
              .map(item => driftOf(item, name))
          : [],
      add(seen) {
        if (fixFirewall) return [...stale(seen, space, previous), ...additions(seen, space)]
        return previous?.fixFirewall ? removals(seen, previous, () => true) : []
      },
      remove: nothing,
    },
    {
      ...common,
      id: `accepted no more by other firewalls' programs: ${name}`,
      phase: 'namespace',
      drift: nothing,
      add: nothing,
      remove: seen => (fixFirewall ? removals(seen, space, () => true) : []),
    },
  ]
}

/** A remedy that is not there, or no more. */
export const driftOf = ({ place, owner, what, cause }: Obstacle, space: string): Drift => ({
  resource: `${place} (${owner.name})`,
  step: 'forward',
  space,
  expected: `accepts ${what.join(', ')}`,
  found: cause,
})

const operation = (space: string, change: Change, ...undo: Change[]): Operation => ({
  change,
  undo,
  step: 'forward',
  space,
})

const additions = (seen: Observation, space: ResolvedSpace): Operation[] => {
  const { name } = space
  // What one front end does for both address families is asked for once.
  const done = new Set<string>()
  return [...obstaclesOf(seen, space)].sort(byPlace).flatMap(({ remedy, ways }) => {
    switch (remedy.kind) {
      case 'ufw':
        return ways
          .filter(way => once(done, `ufw ${wayKey(way)}`))
          .map(way => operation(name, allowByUfw(way, name), disallowByUfw(way)))
      case 'firewalld':
        return once(done, `firewalld ${remedy.link}`)
          ? [operation(name, bindToZone(remedy.link), unbindFromZone(remedy.link))]
          : []
      case 'legacy':
        return ways
          .filter(way => once(done, `${remedy.program} ${remedy.place.chain} ${wayKey(way)}`))
          .map(way =>
            operation(
              name,
              addLegacyRule(remedy.program, remedy.place, way, name),
              undoLegacyRule(remedy.program, remedy.place, way, name),
            ),
          )
      default:
        return []
    }
  })
}

/** Where several rules drop one way, what accepts it has to stand in front of the first. */
const byPlace = (one: Obstacle, other: Obstacle): number => placeNumber(one) - placeNumber(other)

const placeNumber = ({ remedy }: Obstacle): number =>
  remedy.kind === 'legacy' ? (remedy.place.number ?? Number.MAX_SAFE_INTEGER) : 0

const once = (done: Set<string>, key: string): boolean => !done.has(key) && done.add(key) !== undefined

/** What is of no use any more under the new spec: rules for another cable or uplink, a binding of another cable. */
const stale = (seen: Observation, space: ResolvedSpace, previous: ResolvedSpace | undefined): Operation[] => {
  if (!previous?.fixFirewall) return []
  const wanted = new Set(waysOf(space).map(wayKey))
  return removals(seen, previous, what =>
    what.type === 'way' ? !wanted.has(what.key) : what.link !== space.hostInterface,
  )
}

/** Takes away rules of ufw and iptables-legacy that bear the name of a space that is not meant to have any. */
export const strayProgramRules = (seen: Observation, hasRules: (space: string) => boolean): Operation[] => {
  const filters = ([4, 6] as const).flatMap(family => legacyFilter(seen, family)?.table ?? [])
  const names = new Set([...spacesInUfw(seen), ...filters.flatMap(spacesInLegacy)])
  return [...names].filter(name => !hasRules(name)).flatMap(name => rulesByProgram(seen, name, () => true))
}

type Removable = { type: 'way'; key: string } | { type: 'binding'; link: string }

/** What takes away that of a space's remedies which `isWanted` says. Only what is there is named. */
const removals = (
  seen: Observation,
  { name, hostInterface }: ResolvedSpace,
  isGoing: (what: Removable) => boolean,
): Operation[] => {
  const isGoingWay = (key: string) => isGoing({ type: 'way', key })
  const isBound = () =>
    isGoing({ type: 'binding', link: hostInterface }) &&
    forwardTables(seen).some(table => isBoundToZone(table, hostInterface)) &&
    !isBoundForGood(seen, hostInterface)
  return [
    ...(isBound() ? [operation(name, unbindFromZone(hostInterface), bindToZone(hostInterface))] : []),
    ...rulesByProgram(seen, name, isGoingWay),
  ]
}

/** What takes away those rules of a space that were added by a program, and whose way is going. */
const rulesByProgram = (seen: Observation, name: string, isGoing: (way: string) => boolean): Operation[] => [
  ...allowedByUfw(seen, name)
    .filter(way => isGoing(wayKey(way)))
    .map(way => operation(name, disallowByUfw(way), allowByUfw(way, name))),
  ...([4, 6] as const).flatMap(family => {
    const filter = legacyFilter(seen, family)
    if (filter?.table === undefined) return []
    const { program, table } = filter
    return legacyRulesOf(table, name)
      .filter(({ way }) => isGoing(way))
      .map(rule => operation(name, deleteLegacyRule(program, rule), restoreLegacyRule(program, rule)))
  }),
]
