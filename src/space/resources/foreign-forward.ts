import type { Change } from '../../linux/change.ts'
import {
  accept,
  type Chain,
  compile,
  counter,
  match,
  meta,
  type NftCommand,
  type Rule,
  rule,
  type Table,
} from '../../linux/nftables/index.ts'
import { commentOf, tableName } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { Warning } from '../reconcile/types.ts'
import { seenGeneration } from '../ruleset/seen-table.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * Step 9: other people's firewalls. An accept in our table cannot beat a drop in another, so where a FORWARD chain drops
 * by policy, the packets of a space need a rule there, in both directions. Nothing of theirs is touched unasked: without
 * `fixFirewall` there is a warning that names the chain; with it, the two smallest rules are appended, bearing our
 * comment, and taken back with the space. Equivalent to: `iptables -A FORWARD -i VETH -o UPLINK -j ACCEPT` and back.
 */

type ForeignChain = { table: Table; chain: Chain }

/** Base chains of others through which packets of a space are forwarded and that drop what no rule accepts. */
const droppingChains = (seen: Observation): ForeignChain[] =>
  seen.ruleset({ only: 'chains' }).tables.flatMap(({ family, name, chains }) => {
    if ((family !== 'inet' && family !== 'ip') || name === tableName) return []
    const dropping = chains.filter(
      ({ hook, type, policy }) => hook === 'forward' && type === 'filter' && policy === 'drop',
    )
    // Rules are read only where they matter: a firewall can have thousands.
    const [table] = dropping.length === 0 ? [] : seen.ruleset({ family, table: name, elements: false }).tables
    return dropping.flatMap(({ name: wanted }) => {
      const chain = table?.chains.find(item => item.name === wanted)
      return table === undefined || chain === undefined ? [] : [{ table, chain }]
    })
  })

/** The two rules: out by the cable, and back; bound to the uplink where the space is. */
const rulesFor = ({ name, hostInterface, uplink }: ResolvedSpace): Rule[] => {
  const comment = commentOf(name)
  const direction = (from: string | undefined, to: string | undefined): Rule =>
    rule(
      [
        ...(from === undefined ? [] : [match(meta('iifname'), from)]),
        ...(to === undefined ? [] : [match(meta('oifname'), to)]),
        counter(),
        accept(),
      ],
      comment,
    )
  return [direction(uplink, hostInterface), direction(hostInterface, uplink)]
}

const idOf = ({ table, chain }: ForeignChain): string => `${table.family} ${table.name} ${chain.name}`

/** Whether the chain has both rules, for this cable and uplink. Their order and counters do not matter. */
const isFixed = ({ table, chain }: ForeignChain, space: ResolvedSpace): boolean => {
  const present = new Set(
    chain.rules
      .filter(item => item.comment === commentOf(space.name))
      .map(item => matchKey(item.instructions)),
  )
  return rulesFor(space).every(item => present.has(matchKey(compile(item, table.family))))
}

/** The names that a rule of ours compares, in order: what tells it from another of the same space. */
const matchKey = (instructions: readonly { name: string; data?: unknown }[]): string =>
  instructions
    .filter(({ name }) => name === 'meta' || name === 'cmp')
    .map(({ data }) =>
      JSON.stringify(data, (_key, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1').replace(/\0+$/, '') : value,
      ),
    )
    .join(' ')

/** The commands that delete this space's rules from the chain, as it was observed. */
const deletions = ({ table, chain }: ForeignChain, space: string): NftCommand[] =>
  chain.rules
    .filter(item => item.comment === commentOf(space))
    .map(({ handle }) => ({
      type: 'rule.delete',
      family: table.family,
      table: table.name,
      chain: chain.name,
      handle,
    }))

const additions = ({ table, chain }: ForeignChain, space: ResolvedSpace): NftCommand[] =>
  rulesFor(space).map(item => ({
    type: 'rule.add',
    family: table.family,
    table: table.name,
    chain: chain.name,
    rule: item,
  }))

/** In one batch with our own table, as the generation guards both. */
const operation = (seen: Observation, commands: NftCommand[], undo: Change[], space: string): Operation => ({
  change: { type: 'nftables.commit', where: undefined, commands, generation: seenGeneration(seen) },
  undo,
  step: 'forward',
  space,
})

/** Taking the rules away needs no handle, which is not known before the batch is carried out. */
const takeBack = ({ table, chain }: ForeignChain, space: string): Change => ({
  type: 'nftables.delete-rules',
  where: undefined,
  family: table.family,
  table: table.name,
  chain: chain.name,
  comment: commentOf(space),
})

/** The rules of one space in the chains of others. `previous` had them where it was granted under an earlier spec. */
export const foreignForwardResource = (space: ResolvedSpace, previous?: ResolvedSpace): Resource => {
  const { name } = space
  const id = `accepted by other firewalls: ${name}`
  const removal = (seen: Observation): Operation[] =>
    tagged(seen, name).map(found => {
      const again: Change[] =
        previous === undefined
          ? []
          : [
              {
                type: 'nftables.commit',
                where: undefined,
                commands: additions(found, previous),
                generation: undefined,
              },
            ]
      return operation(seen, deletions(found, name), again, name)
    })
  return {
    id,
    step: 'forward',
    phase: 'foreign-firewall',
    space: name,
    drift(seen) {
      if (!space.fixFirewall) return []
      return droppingChains(seen)
        .filter(found => !isFixed(found, space))
        .map(found => ({
          resource: `chain ${idOf(found)}`,
          step: 'forward',
          space: name,
          expected: 'accepts the space',
          found: 'drops by policy',
        }))
    },
    add(seen) {
      if (!space.fixFirewall) return previous?.fixFirewall ? removal(seen) : []
      return droppingChains(seen)
        .filter(found => !isFixed(found, space))
        .map(found =>
          // Rules for an earlier cable or uplink of this space go in the same batch.
          operation(
            seen,
            [...deletions(found, name), ...additions(found, space)],
            [takeBack(found, name)],
            name,
          ),
        )
    },
    remove: seen => (space.fixFirewall ? removal(seen) : []),
  }
}

const hasTag = (chain: Chain, space: string): boolean =>
  chain.rules.some(item => item.comment === commentOf(space))

/** Every chain of others that holds a rule of this space. */
const tagged = (seen: Observation, space: string): ForeignChain[] =>
  seen
    .ruleset({ elements: false })
    .tables.filter(({ name }) => name !== tableName)
    .flatMap(table => table.chains.filter(chain => hasTag(chain, space)).map(chain => ({ table, chain })))

/** Whose chain it is, as far as its name or its neighbours tell. */
const ownerOf = ({ table }: ForeignChain): string => {
  const has = (pattern: RegExp) => table.chains.some(chain => pattern.test(chain.name))
  if (has(/^DOCKER-USER$/)) return 'Docker'
  if (has(/^ufw6?-/)) return 'ufw'
  if (has(/^LIBVIRT_/)) return 'libvirt'
  if (table.name === 'firewalld') return 'firewalld'
  if (table.family === 'ip' && table.name === 'filter' && has(/^FORWARD$/)) return 'iptables'
  return 'nftables'
}

/** One warning for each chain that would drop what the space sends or receives. */
export const foreignForwardWarnings = (seen: Observation, space: ResolvedSpace): Warning[] => {
  if (space.fixFirewall) return []
  return droppingChains(seen)
    .filter(found => !isFixed(found, space))
    .map(found => ({
      code: 'FORWARD_DROP',
      space: space.name,
      what: `the firewall of this host may drop what ${space.name} sends`,
      why: `chain ${idOf(found)} (${ownerOf(found)}) drops by policy what none of its rules accepts`,
      evidence: [`chain ${found.chain.name} { type filter hook forward; policy drop; }`],
      fix: [
        `natspace up ${space.name} --fix-firewall with the same options appends the two rules that accept it, and down takes them back`,
      ],
    }))
}
