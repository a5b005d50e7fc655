import { aliasOf, ownerInAlias, spaceOfAlias } from '../marks.ts'
import { strayRules } from '../resources/foreign-forward.ts'
import { isMarked } from '../resources/namespace.ts'
import { orphanOf } from '../resources/orphan.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText, type Membership, membershipsOf } from '../ruleset/elements.ts'
import { seenElements, seenGeneration, wholeTable } from '../ruleset/seen-table.ts'
import { setDefinitions } from '../ruleset/table.ts'
import { quote } from '../spec/quote.ts'
import { isTemporary } from '../state/lock.ts'
import { currentBoot, readSpaceRecord, recordedNames, type SpaceRecord } from '../state/records.ts'
import { namespaceFolder } from './desired.ts'
import type { Observation } from './observation.ts'
import type { Operation } from './operation.ts'
import type { Context, Warning } from './types.ts'

/**
 * Theory of operation. What natspace made and nobody's record speaks of is found by the marks, kind by kind, and both
 * ways: what is there is compared with the records, and the records with what is there. Only what bears our mark is taken,
 * and of that nothing that belongs to another state folder on the same host: its cables bear its name in their alias, and
 * what hangs on them (elements, rules) is known by the cable or by the addresses behind it.
 *
 * A record without its cable is no waste: it says what somebody wants to have, and `up` or `watch` makes it again. That
 * is only told. But a container whose namespace is gone with its cable never comes back, and its record goes.
 */

/** What is there and belongs to nobody. */
export type Stray = {
  /** Spaces without a record whose cable or namespace is there, and containers that are gone: taken down as a whole. */
  spaces: string[]
  /** All else, in the order in which it goes. */
  operations: Operation[]
  warnings: Warning[]
}

/**
 * Looks for it. `settled`: spaces that are dealt with otherwise, with what they were before. Changes nothing. Throws
 * NatspaceError STATE_UNREADABLE.
 */
export const strayOf = (
  { kernel, paths }: Context,
  seen: Observation,
  settled: ReadonlyMap<string, SpaceRecord | undefined> = new Map(),
): Stray => {
  const records = new Map<string, SpaceRecord>()
  for (const name of recordedNames(kernel, paths)) {
    const record = readSpaceRecord(kernel, paths, name)
    if (record !== undefined) records.set(name, record)
  }
  const cables = [...seen.links(undefined).values()].filter(({ alias }) => spaceOfAlias(alias) !== undefined)
  const isOwn = (alias: string | undefined) => alias === aliasOf(spaceOfAlias(alias) ?? '', paths.owner)
  const own = cables.filter(({ alias }) => isOwn(alias))
  const others = cables.filter(({ alias }) => !isOwn(alias))
  const isKnown = (name: string) => records.has(name) || settled.has(name)
  const over = [...records.values()].flatMap(record =>
    isOver(seen, record) && !settled.has(record.space.name) ? record.space.name : [],
  )

  const spaces = [...new Set(own.map(({ alias }) => spaceOfAlias(alias) ?? ''))].filter(
    name => !isKnown(name),
  )
  const namespaces = seen.kernel
    .namespaceNames(namespaceFolder)
    .filter(
      name =>
        !isKnown(name) &&
        !spaces.includes(name) &&
        isMarked(seen, `${namespaceFolder}/${name}`, aliasOf(name, paths.owner)),
    )
  const spare = own.filter(({ name, alias }) => {
    const record = records.get(spaceOfAlias(alias) ?? '')
    return record !== undefined && record.space.hostInterface !== name
  })
  const gone = new Set(spare.map(({ name }) => name))
  const going = new Set(spaces)
  const bootId = currentBoot(kernel)
  const kept = [
    ...records.values(),
    ...[...settled.values()].flatMap(record => record ?? []),
    // Those that are taken down take their elements along.
    ...[...spaces, ...settled.keys()].flatMap(name => orphanOf(seen, bootId, name, paths.owner) ?? []),
    ...others.flatMap(
      ({ alias }) => orphanOf(seen, bootId, spaceOfAlias(alias) ?? '', ownerInAlias(alias)) ?? [],
    ),
  ]
  const spared = own.filter(({ alias }) => !records.has(spaceOfAlias(alias) ?? ''))
  const untouched = new Set(
    [...others, ...spared].flatMap(({ name, index }) => [name, ...addressesBehind(seen, name, index)]),
  )
  const hasRules = (name: string) =>
    records.get(name)?.space.fixFirewall === true ||
    going.has(name) ||
    settled.has(name) ||
    others.some(({ alias }) => spaceOfAlias(alias) === name)
  return {
    spaces: [...spaces, ...namespaces, ...over],
    operations: [
      ...strayElements(seen, kept, untouched),
      ...strayRules(seen, hasRules),
      ...spare.map(
        ({ name, index, alias }): Operation => ({
          change: { type: 'link.delete', where: undefined, name, index },
          undo: [],
          step: 'cable',
          space: spaceOfAlias(alias),
        }),
      ),
      ...[paths.root, paths.spaces].flatMap(folder =>
        (seen.folder(folder) ?? []).filter(isTemporary).map(
          (name): Operation => ({
            change: { type: 'file.delete', path: `${folder}/${name}` },
            undo: [],
            step: 'record',
            space: undefined,
          }),
        ),
      ),
    ],
    warnings: [...records.values()]
      .filter(
        ({ space }) =>
          !settled.has(space.name) &&
          !over.includes(space.name) &&
          space.hostInterface !== '' &&
          !isThere(seen, space.hostInterface, gone),
      )
      .map(({ space }) => missing(space.name, space.hostInterface)),
  }
}

const missing = (name: string, hostInterface: string): Warning => ({
  code: 'SPACE_BROKEN',
  space: name,
  what: 'the space is recorded, and its cable is gone',
  why: 'somebody removed it; what is recorded says what was asked for, and is no waste',
  evidence: [`no link ${quote(hostInterface)}`],
  fix: [`natspace status ${name} shows what is missing`, `natspace down ${name} removes the rest`],
})

const isThere = (seen: Observation, name: string, gone: ReadonlySet<string>): boolean =>
  seen.link(undefined, name) !== undefined && !gone.has(name)

/**
 * Whether a record is that of a container that is gone: nobody makes its namespace again, and a runtime that has lost it
 * never says so. Both the namespace and the cable must be gone: a path alone may merely not be seen from here.
 */
const isOver = (seen: Observation, { space }: SpaceRecord): boolean =>
  space.attachment !== undefined &&
  space.hostInterface !== '' &&
  seen.link(undefined, space.hostInterface) === undefined &&
  seen.kernel.namespaceState(space.namespacePath) !== 'present'

/** The inside addresses of a cable, and the address of its host end. */
const addressesBehind = (seen: Observation, name: string, index: number): string[] => [
  ...(seen.addresses(undefined).get(index) ?? []).map(({ address }) => address),
  ...['source4', 'source6'].flatMap(set =>
    [...seenElements(seen, set).values()].flatMap(({ key }) => (key[0] === name ? [String(key[1])] : [])),
  ),
]

/** Sets of the table whose elements are not those of a space. */
const shared = new Set([
  'preexisting4',
  'preexisting6',
  'forwarding4',
  'forwarding6',
  'bridges',
  'listened',
  ...setDefinitions.filter(({ constant }) => constant !== undefined).map(({ name }) => name),
])

/** Elements of our table that no space has. `untouched`: cables and addresses whose elements are not dealt with here. */
const strayElements = (
  seen: Observation,
  records: readonly SpaceRecord[],
  untouched: ReadonlySet<string>,
): Operation[] => {
  const table = wholeTable(seen)
  if (table === undefined) return []
  const wanted = new Set(
    records
      .flatMap(({ space }) => membershipsOf(space))
      .map(({ set, element }) => `${set} ${keyText(element.key)}`),
  )
  const stray = table.sets
    .filter(({ name }) => !shared.has(name) && setDefinitions.some(item => item.name === name))
    .flatMap(({ name, elements }): Pick<Membership, 'set' | 'element'>[] =>
      elements
        .filter(
          ({ key, data }) =>
            !wanted.has(`${name} ${keyText(key)}`) &&
            ![...key, ...(Array.isArray(data) ? data : [])].some(
              field => typeof field === 'string' && untouched.has(field),
            ),
        )
        .map(({ key, data }) => ({ set: name, element: data === undefined ? { key } : { key, data } })),
    )
  if (stray.length === 0) return []
  return [
    firewallOperation(elementCommands('element.delete', stray), [], seenGeneration(seen), 'guard', undefined),
  ]
}
