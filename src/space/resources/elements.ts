import type { SetElement } from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift } from '../reconcile/operation.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText, type Membership, membershipsOf } from '../ruleset/elements.ts'
import { dataText, seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import type { Taken } from '../spec/taken.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

const steps = ['guard', 'masquerade', 'publish'] as const

/**
 * What a space is in our table: a member of its sets. One resource a step, so that each can be explained and left out
 * by itself; all of them end up in one batch. `previous` is what the space was under an earlier spec: what it no longer
 * is goes in the same batch. Equivalent to: `nft add element inet natspace SET { … }`
 */
export const elementResources = (space: ResolvedSpace, previous?: ResolvedSpace): Resource[] => {
  const members = membershipsOf(space)
  const before = previous === undefined ? [] : membershipsOf(previous)
  return steps.map(step =>
    stepResource(
      space,
      step,
      members.filter(member => member.step === step),
      before.filter(member => member.step === step),
    ),
  )
}

const stepResource = (
  { name: space, hostInterface }: ResolvedSpace,
  step: Membership['step'],
  members: readonly Membership[],
  before: readonly Membership[],
): Resource => {
  const id = `${step} of ${space}`
  const wanted = new Set(members.map(keyOf))
  const found = (seen: Observation, { set, element }: Membership) =>
    seenElements(seen, set).get(keyText(element.key))
  /** Elements of the space's egress list that are not in its record (which may have been lost). */
  const leftovers = (seen: Observation) =>
    byCable.flatMap(set =>
      [...seenElements(seen, set).values()]
        .filter(({ key }) => key[0] === hostInterface && !wanted.has(`${set} ${keyText(key)}`))
        .map(({ key }) => ({ set, element: { key } })),
    )
  const isRight = (seen: Observation, member: Membership) => {
    const element = found(seen, member)
    return element !== undefined && dataText(element.data) === dataText(member.element.data)
  }
  /** Elements under an earlier spec, still there and still as this space had them; one that only leads elsewhere now is none. */
  const obsolete = (seen: Observation) =>
    before.filter(member => !wanted.has(keyOf(member)) && isRight(seen, member))
  return {
    id,
    step,
    phase: 'firewall',
    space,
    drift(seen) {
      // Without the table all is missing, and the table says so.
      if (seenTable(seen) === undefined) return []
      const drift = (member: Membership, expected: string, actual: string): Drift => ({
        resource: `${member.set} { ${elementText(member.element)} }`,
        step,
        space,
        expected,
        found: actual,
      })
      return [
        ...members
          .filter(member => !isRight(seen, member))
          .map(member => {
            const other = found(seen, member)
            return drift(
              member,
              'there',
              other === undefined ? 'missing' : `leads to ${dataText(other.data)}`,
            )
          }),
        ...obsolete(seen).map(member => drift(member, 'gone', 'still there')),
      ]
    },
    add(seen) {
      const missing = members.filter(member => !isRight(seen, member))
      const wrong = missing.flatMap(member => {
        const element = found(seen, member)
        return element === undefined ? [] : [{ set: member.set, element: plain(element) }]
      })
      const surplus = [...wrong, ...obsolete(seen)]
      if (missing.length === 0 && surplus.length === 0) return []
      const fresh = seenTable(seen) === undefined
      return [
        firewallOperation(
          [...elementCommands('element.delete', surplus), ...elementCommands('element.add', missing)],
          // A table that this plan makes goes as a whole.
          fresh
            ? []
            : [...elementCommands('element.delete', missing), ...elementCommands('element.add', surplus)],
          seenGeneration(seen),
          step,
          space,
        ),
      ]
    },
    remove(seen) {
      const present = [
        ...members.filter(member => isRight(seen, member)),
        ...(step === 'guard' ? leftovers(seen) : []),
      ]
      if (present.length === 0) return []
      return [
        firewallOperation(elementCommands('element.delete', present), [], seenGeneration(seen), step, space),
      ]
    },
  }
}

/** Where a space is told apart by its cable alone, and an old list of it may be found after its record is lost. */
const byCable = ['limited', 'rejected', 'egress4', 'egress6']

const keyOf = ({ set, element }: Membership): string => `${set} ${keyText(element.key)}`

const elementText = ({ key, data }: SetElement): string =>
  data === undefined ? keyText(key) : `${keyText(key)} : ${dataText(data)}`

const plain = ({ key, data }: SetElement): SetElement => (data === undefined ? { key } : { key, data })

/** Refuses a port of the host that another space has. Throws NatspaceError PORT_TAKEN (exit 2) with the owner's name. */
export const checkPublishedElsewhere = (
  seen: Observation,
  spaces: readonly ResolvedSpace[],
  previous: ReadonlyMap<string, ResolvedSpace>,
): void => {
  for (const space of spaces) {
    // Elements that lead to any address this space has or had are its own.
    const before = previous.get(space.name)
    const own = new Set([space.address, space.ipv6?.address, before?.address, before?.ipv6?.address])
    for (const { set, element, step } of membershipsOf(space)) {
      if (step !== 'publish') continue
      const other = seenElements(seen, set).get(keyText(element.key))
      const target = Array.isArray(other?.data) ? String(other.data[0]) : undefined
      if (target === undefined || own.has(target)) continue
      throw portTaken(space, keyText(element.key), target, ownerOf(seen, target))
    }
  }
}

/** The host end of the cable whose inside address this is. */
const ownerOf = (seen: Observation, address: string): string | undefined => {
  const sources = address.includes(':') ? 'source6' : 'source4'
  for (const { key } of seenElements(seen, sources).values())
    if (key[1] === address) return seen.link(undefined, String(key[0]))?.alias?.replace(/^natspace:/, '')
  return undefined
}

const portTaken = (
  space: ResolvedSpace,
  port: string,
  target: string,
  owner: string | undefined,
): NatspaceError =>
  new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${port} for ${space.name}`,
    why: `it is published already, for ${owner === undefined ? target : `the space ${owner} (${target})`}`,
    evidence: [`table inet natspace: ${port} : ${target}`],
    fix: [
      'choose another port of the host',
      ...(owner === undefined ? [] : [`or take it away there: natspace up ${owner} without it`]),
    ],
  })

/** Inside addresses of all spaces in the table, whether or not their cable is there now. */
export const knownAddresses = (seen: Observation): Taken[] =>
  [...seenElements(seen, 'source4').values()].map(({ key }) => ({
    prefix: `${key[1]}/32`,
    why: `inside address behind ${key[0]}`,
  }))
