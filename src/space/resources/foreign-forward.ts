import type { Change } from '../../linux/change.ts'
import { forwardTables } from '../firewall/forward-drops.ts'
import {
  acceptsWay,
  addNativeRule,
  chainKey,
  deleteNativeRule,
  earliestNative,
  type NativeOwnRule,
  nativeRulesOf,
  spacesInNative,
  takeBackNativeRules,
} from '../firewall/native.ts'
import { type Obstacle, obstaclesOf } from '../firewall/obstacle.ts'
import { type Way, waysOf } from '../firewall/way.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { Warning } from '../reconcile/types.ts'
import { seenGeneration } from '../ruleset/seen-table.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { driftOf, foreignProgramResources, strayProgramRules } from './foreign-program.ts'
import type { Resource } from './resource.ts'

/**
 * Step 9: other people's firewalls. An accept in our table cannot beat a drop in another, so where a forward chain of
 * somebody else drops what the space sends or receives, it needs something there. Nothing of theirs is touched unasked:
 * without `fixFirewall` there is a warning that names the chain; with it, the smallest remedy is put where the owner of
 * the chain wants it, bearing our comment, and taken back with the space.
 */

const step = 'forward'

/** What a space has in the firewalls of others. `previous` had it where it was granted under an earlier spec. */
export const foreignForwardResources = (space: ResolvedSpace, previous?: ResolvedSpace): Resource[] => [
  nativeResource(space, previous),
  ...foreignProgramResources(space, previous),
]

/** The ways that rules of this space may be for, under this spec or an earlier one. */
const knownWays = (space: ResolvedSpace, previous: ResolvedSpace | undefined): Way[] => [
  ...waysOf(space),
  ...(previous === undefined ? [] : waysOf(previous)),
]

/** Rules in the chains of others, added by netlink. */
const nativeResource = (space: ResolvedSpace, previous: ResolvedSpace | undefined): Resource => {
  const { name } = space
  const again = (own: readonly NativeOwnRule[]): Change[] => {
    const commands = own.flatMap(({ table, chain, rule }) => {
      const way = knownWays(space, previous).find(item => acceptsWay(rule, item, table))
      return way === undefined ? [] : [addNativeRule({ table, chain, before: undefined }, way, name)]
    })
    return commands.length === 0
      ? []
      : [{ type: 'nftables.commit', where: undefined, commands, generation: undefined }]
  }
  const removal = (seen: Observation): Operation[] => {
    const own = nativeRulesOf(forwardTables(seen), name)
    return own.length === 0 ? [] : [operation(seen, own.map(deleteNativeRule), again(own), name)]
  }
  return {
    id: `accepted by other firewalls: ${name}`,
    step,
    phase: 'foreign-firewall',
    space: name,
    drift: seen =>
      space.fixFirewall
        ? obstaclesOf(seen, space)
            .filter(({ remedy }) => remedy.kind === 'native')
            .map(item => driftOf(item, name))
        : [],
    add(seen) {
      if (!space.fixFirewall) return previous?.fixFirewall ? removal(seen) : []
      const own = nativeRulesOf(forwardTables(seen), name)
      const added = earliestNative(
        obstaclesOf(seen, space).flatMap(({ remedy, ways }) =>
          remedy.kind === 'native' ? ways.map(way => ({ place: remedy.place, way })) : [],
        ),
      )
      // A rule for another cable or uplink is of no use any more, nor is one that is met too late.
      const ways = waysOf(space)
      const useless = own.filter(
        ({ table, chain, rule }) =>
          !ways.some(way => acceptsWay(rule, way, table)) ||
          added.some(
            ({ place, way }) =>
              chainKey(place) === chainKey({ table, chain }) && acceptsWay(rule, way, table),
          ),
      )
      if (added.length === 0 && useless.length === 0) return []
      const touched = [...added.map(({ place }) => place), ...useless]
      const chains = [...new Map(touched.map(item => [chainKey(item), item])).values()]
      // Those that iptables restored bear their comment otherwise, and stay.
      const before = own.filter(
        item =>
          chains.some(touchedChain => chainKey(touchedChain) === chainKey(item)) &&
          (item.rule.comment !== undefined || useless.includes(item)),
      )
      return [
        operation(
          seen,
          [
            ...useless.map(deleteNativeRule),
            ...added.map(({ place, way }) => addNativeRule(place, way, name)),
          ],
          // Taking rules back needs no handles, which are not known before the batch is carried out.
          [...chains.map(item => takeBackNativeRules(item, name)), ...again(before)],
          name,
        ),
      ]
    },
    remove: seen => (space.fixFirewall ? removal(seen) : []),
  }
}

/** In one batch with our own table, as the generation guards both. */
const operation = (
  seen: Observation,
  commands: Extract<Change, { type: 'nftables.commit' }>['commands'],
  undo: Change[],
  space: string,
): Operation => ({
  change: { type: 'nftables.commit', where: undefined, commands, generation: seenGeneration(seen) },
  undo,
  step,
  space,
})

/**
 * Takes away the rules in firewalls of others that bear our comment and the name of a space that is not meant to have any.
 * The bindings of firewalld bear no comment; they go with the space alone.
 */
export const strayRules = (seen: Observation, hasRules: (space: string) => boolean): Operation[] => {
  const tables = forwardTables(seen)
  const native = [...new Set(spacesInNative(tables))].filter(name => !hasRules(name))
  return [
    ...native.flatMap(name => {
      const own = nativeRulesOf(tables, name)
      return [operation(seen, own.map(deleteNativeRule), [], name)]
    }),
    ...strayProgramRules(seen, hasRules),
  ]
}

/** One warning for each chain that drops what the space sends or receives, and that is left so. */
export const foreignForwardWarnings = (seen: Observation, space: ResolvedSpace): Warning[] =>
  obstaclesOf(seen, space)
    .filter(({ remedy }) => !space.fixFirewall || remedy.kind === 'none')
    .map(({ place, owner, what, cause, evidence, remedy }) => ({
      code: 'FORWARD_DROP',
      space: space.name,
      what: `the firewall of this host may drop ${what[0] ?? `what ${space.name} sends`}`,
      why:
        remedy.kind === 'none' && remedy.why !== evidence[0]
          ? `${place} (${owner.name}) ${cause}; ${remedy.why}`
          : `${place} (${owner.name}) ${cause}`,
      evidence: what.length > 1 ? [...evidence, `dropped there: ${inWords(what)}`] : evidence,
      fix:
        remedy.kind === 'none'
          ? remedy.advice
          : [
              `natspace up ${space.name} --fix-firewall with the same options ${remedyText(remedy)}, and down takes it back`,
            ],
    }))

/** 'a', 'a and b', 'a, b and c'. */
const inWords = (parts: readonly string[]): string =>
  [parts.slice(0, -1).join(', '), ...parts.slice(-1)].filter(Boolean).join(' and ')

const remedyText = (remedy: Exclude<Obstacle['remedy'], { kind: 'none' }>): string => {
  switch (remedy.kind) {
    case 'native':
      return `adds the rules that accept it to the chain ${remedy.place.chain.name}`
    case 'legacy':
      return `adds the rules that accept it to the chain ${remedy.place.chain} by ${remedy.program}`
    case 'ufw':
      return 'has ufw allow it (ufw route allow)'
    case 'firewalld':
      return `binds ${remedy.link} to the zone trusted of firewalld`
  }
}
