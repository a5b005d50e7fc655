import type { Kernel } from '../../linux/kernel.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { sysctlPath } from '../../linux/sysctl.ts'
import { NatspaceError } from '../errors.ts'
import { spaceOfAlias } from '../marks.ts'
import { namespaceFolder } from '../reconcile/desired.ts'
import { type Difference, type Differences, differencesOf } from '../reconcile/drift.ts'
import { defaultUplink } from '../reconcile/facts.ts'
import { Observation } from '../reconcile/observation.ts'
import type { Drift } from '../reconcile/operation.ts'
import type { Context } from '../reconcile/types.ts'
import {
  readSpaceRecord,
  recordedNames,
  recordText,
  type SpaceRecord,
  type StatePaths,
} from '../state/records.ts'
import type { Uplink } from './report.ts'
import type { FolderInterest, Interest } from './sign.ts'

/** What one look at everything has found. */
export type Look = {
  /** By the name of the space, in the order of names. */
  records: Map<string, SpaceRecord>
  /** Spaces whose records cannot be read. */
  unreadable: Map<string, NatspaceError>
  shared: Drift[]
  spaces: Map<string, Difference & { isLost: boolean }>
  /** When it began, in milliseconds since 1970. */
  time: number
  uplink: Uplink | undefined
  interest: Interest
}

/** An observation that notes which settings of the host it was asked for. */
class NotingObservation extends Observation {
  readonly settings = new Set<string>()

  override sysctl(where: string | undefined, key: string): string | undefined {
    if (where === undefined) this.settings.add(key)
    return super.sysctl(where, key)
  }
}

/** Compares the named spaces (default: all) with their records; changes nothing. Throws as an observation does. */
export const look = (context: Context, names: ReadonlySet<string> | undefined): Look => {
  const { kernel, paths } = context
  const time = Date.now()
  const seen = new NotingObservation(kernel)
  const records = new Map<string, SpaceRecord>()
  const unreadable = new Map<string, NatspaceError>()
  for (const name of recordedNames(kernel, paths)) {
    if (names !== undefined && !names.has(name)) continue
    try {
      const record = readSpaceRecord(kernel, paths, name)
      if (record !== undefined) records.set(name, record)
    } catch (error) {
      // Of one space nothing is known then; the others are watched on.
      if (!(error instanceof NatspaceError)) throw error
      unreadable.set(name, error)
    }
  }
  const all = [...records.values()]
  const found = all.length === 0 ? nothing : differencesOf(context, seen, all)
  const spaces = new Map(
    all.map(record => {
      const { own = [], lacking = [] } = found.spaces.get(record.space.name) ?? {}
      return [
        record.space.name,
        isLost(record, seen) ? vanished(own, lacking) : { own, lacking, isLost: false },
      ]
    }),
  )
  const interest = interestOf(context, seen, all)
  return { time, records, unreadable, shared: found.shared, spaces, uplink: uplinkOf(seen), interest }
}

const nothing: Differences = { shared: [], spaces: new Map() }

/** Whether the namespace is gone and was made by others: then only they can make it again. */
const isLost = ({ ownsNamespace, space }: SpaceRecord, seen: Observation): boolean =>
  !ownsNamespace && seen.namespace(space.namespacePath) !== 'present'

/** With its namespace all of a space is gone: that alone is said. */
const vanished = (own: readonly Drift[], lacking: readonly Drift[]) => ({
  own: [],
  lacking: [...own.filter(({ step }) => step === 'namespace').slice(0, 1), ...lacking],
  isLost: true,
})

const uplinkOf = (seen: Observation): Uplink | undefined => {
  const name = defaultUplink(seen)
  const link = name === undefined ? undefined : seen.link(undefined, name)
  if (link === undefined) return undefined
  const addresses = (seen.addresses(undefined).get(link.index) ?? [])
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
  return { name: link.name, mtu: link.mtu, addresses: addresses.sort() }
}

const interestOf = (
  { paths }: Context,
  seen: NotingObservation,
  records: readonly SpaceRecord[],
): Interest => {
  const links = [...seen.links(undefined).values()]
  const uplink = defaultUplink(seen)
  const pinned = records.flatMap(({ space }) => (space.uplink === undefined ? [] : [space.uplink]))
  const ways = new Set([...pinned, ...(uplink === undefined ? [] : [uplink])])
  const cables = new Set(records.map(({ space }) => space.hostInterface))
  const ours = links.filter(({ name, alias }) => cables.has(name) || spaceOfAlias(alias) !== undefined)
  return {
    cables: new Set(ours.map(({ index }) => index)),
    links: new Set([...ours, ...links.filter(({ name }) => ways.has(name))].map(({ index }) => index)),
    names: new Set([...cables, ...ways]),
    namespaceIds: new Set(
      ours.flatMap(({ peerNamespaceId }) => (peerNamespaceId === undefined ? [] : [peerNamespaceId])),
    ),
    files: [...seen.settings].filter(key => key.startsWith('net.')).map(sysctlPath),
    folders: foldersOf(paths, new Set(records.map(({ space }) => space.name))),
  }
}

/** The state folder and that of the namespaces; the folders above tell when those below come into being. */
const foldersOf = (paths: StatePaths, spaces: ReadonlySet<string>): Interest['folders'] => {
  const folders = new Map<string, FolderInterest>()
  const above = new Set([folderOf(namespaceFolder), folderOf(paths.root)])
  for (const folder of above)
    folders.set(folder, {
      area: 'record',
      concerns: name => [namespaceFolder, paths.root].includes(`${folder}/${name}`),
    })
  folders.set(namespaceFolder, { area: 'namespace', concerns: name => spaces.has(name) })
  folders.set(paths.root, { area: 'record', concerns: name => `${paths.root}/${name}` === paths.spaces })
  folders.set(paths.spaces, { area: 'record', concerns: name => name.endsWith('.json') })
  return folders
}

const folderOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

/** Whether another natspace is at work now: then what differs may be right in a moment. Changes nothing. */
export const isLocked = (kernel: Kernel, lock: string): boolean => {
  if (kernel.fileStatus(lock) === undefined) return false
  try {
    const held = kernel.tryLock(lock)
    held?.[Symbol.dispose]()
    return held === undefined
  } catch (error) {
    // The folder went with the last space, a moment ago.
    if (error instanceof SystemError && error.errno === errno.ENOENT) return false
    throw error
  }
}

/** The texts of the records, to tell when they change. */
export const textsOf = ({ records }: Look): Map<string, string> =>
  new Map([...records].map(([name, record]) => [name, recordText(record)]))

/** What of a space may be put right, with what it shares with others. */
export const mendable = ({ shared, spaces }: Look, name: string): Drift[] => {
  const found = spaces.get(name)
  return found === undefined || found.isLost ? [] : [...shared, ...found.own]
}

/** The names of what of a space may be put right. */
export const resourcesOf = (seen: Look, name: string): string[] =>
  mendable(seen, name).map(({ resource }) => resource)

/** All that differs about a space. */
export const wholeDrift = ({ shared, spaces }: Look, name: string): Drift[] => [
  ...shared,
  ...(spaces.get(name)?.own ?? []),
  ...(spaces.get(name)?.lacking ?? []),
]

/** What these spaces share, once, and what may be put right of each. */
export const driftOf = ({ shared, spaces }: Look, names: readonly string[]): Drift[] => [
  ...shared,
  ...names.flatMap(name => spaces.get(name)?.own ?? []),
]
