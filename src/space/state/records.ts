import type { Kernel } from '../../linux/kernel.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { NatspaceError } from '../errors.ts'
import { ownerOf } from '../marks.ts'
import type { LinkTuning, ResolvedSpace } from '../spec/types.ts'

/**
 * The state folder holds intent, not truth (the kernel is the truth): one file per space that says what was asked for,
 * and one for the host that says what must be restored when the last space goes. All are JSON with a schema version and
 * the id of the boot in which they were written. What is under way stands in a file of its own: see journal.ts.
 */

const schemaVersion = 1

/** Where the state is kept; the folder is created with the first space and removed with the last. */
export type StatePaths = {
  root: string
  spaces: string
  host: string
  lock: string
  journal: string
  /** What tells aliases of this state folder from those of another on the same host; '' for the usual one. */
  owner: string
}

const usualRoot = '/run/natspace'

/** The files of a state folder. Default: /run/natspace. */
export const statePaths = (root = usualRoot): StatePaths => ({
  root,
  spaces: `${root}/spaces`,
  host: `${root}/host.json`,
  lock: `${root}/lock`,
  journal: `${root}/journal.json`,
  owner: root === usualRoot ? '' : ownerOf(root),
})

/** What was before a space changed it, of what may outlive it; it is put back where nobody has changed it since. */
export type Before = {
  /** The namespace that this is about, by device and inode. */
  namespace?: string
  /** The interface inside, where it is another's: its index, and what it had. */
  index?: number
  link?: LinkTuning
  /** Settings of the namespace. */
  sysctls?: Record<string, string>
  /** Of the way to it, where that is another's: whether it let in answers to the loopback. */
  localnet?: string
}

/** What `up` noted about a space. */
export type SpaceRecord = {
  schemaVersion: 1
  bootId: string
  space: ResolvedSpace
  /** Whether natspace created the namespace; only then does `down` remove it. */
  ownsNamespace: boolean
  before?: Before
}

/** What `up` noted about the host. */
export type HostRecord = {
  schemaVersion: 1
  bootId: string
  /** Set when natspace turned forwarding on: the values before, and the links that were there then. */
  forwarding?: { before: Record<string, string>; links: string[] }
  /** The same for IPv6: every switch that was turned. */
  forwarding6?: { before: Record<string, string>; links: string[] }
  /** Set when natspace made the folder of the namespaces, and the mount on it. */
  namespaceFolder?: true
}

/** The id of this boot: state of another boot speaks of a kernel that is gone. */
export const currentBoot = (kernel: Kernel): string => kernel.sysctl(undefined, 'kernel.random.boot_id') ?? ''

export const newSpaceRecord = (
  bootId: string,
  space: ResolvedSpace,
  ownsNamespace: boolean,
  before?: Before,
): SpaceRecord => ({
  schemaVersion,
  bootId,
  space,
  ownsNamespace,
  ...(before === undefined ? {} : { before }),
})

export const newHostRecord = (bootId: string): HostRecord => ({ schemaVersion, bootId })

export const recordPath = (paths: StatePaths, name: string): string => `${paths.spaces}/${name}.json`

/** The text of a record's file. */
export const recordText = (record: SpaceRecord | HostRecord): string =>
  `${JSON.stringify(record, undefined, 2)}\n`

/** Names of the spaces that have a record, sorted. */
export const recordedNames = (kernel: Kernel, paths: StatePaths): string[] =>
  (kernel.readFolder(paths.spaces) ?? [])
    .filter(name => name.endsWith('.json'))
    .map(name => name.slice(0, -'.json'.length))

/** A space's record, or undefined when there is none. Throws NatspaceError STATE_UNREADABLE. */
export const readSpaceRecord = (
  kernel: Pick<Kernel, 'readFile'>,
  paths: StatePaths,
  name: string,
): SpaceRecord | undefined => {
  const record = parse<SpaceRecord>(kernel, recordPath(paths, name), isSpaceRecord)
  return record && withDefaults(record)
}

/** Whether what was parsed is the record of a space, as far as it would do harm if it were not. */
export const isSpaceRecord = (found: SpaceRecord): boolean =>
  typeof found?.space?.hostInterface === 'string' && typeof found.space.name === 'string'

/** A record of 0.1 says nothing of what came later. */
export const withDefaults = (record: SpaceRecord): SpaceRecord => {
  const missing = Object.entries(defaults).filter(([key]) => !(key in record.space))
  return { ...record, space: { ...record.space, ...Object.fromEntries(missing) } }
}

const defaults = {
  mtu: 1500,
  connect: [],
  host: 'dns',
  metadata: false,
} as const satisfies Partial<ResolvedSpace>

/** The host's record, or undefined when there is none. Throws NatspaceError STATE_UNREADABLE. */
export const readHostRecord = (kernel: Kernel, paths: StatePaths): HostRecord | undefined =>
  parse<HostRecord>(kernel, paths.host, () => true)

const parse = <T extends { schemaVersion: number }>(
  kernel: Pick<Kernel, 'readFile'>,
  path: string,
  isWhole: (record: T) => boolean,
): T | undefined => {
  const text = readState(kernel, path)
  if (text === undefined) return undefined
  return parseState(path, text, isWhole)
}

/** The text of a state file, or undefined. Throws NatspaceError STATE_UNREADABLE for what is no file of ours. */
export const readState = (kernel: Pick<Kernel, 'readFile'>, path: string): string | undefined => {
  try {
    return kernel.readFile(path)
  } catch (cause) {
    if (cause instanceof SystemError && notOurs.has(cause.code)) throw unreadable(path, cause.message, cause)
    throw cause
  }
}

/** A link, a folder, something that is no plain file, or one that is far too large. */
const notOurs: ReadonlySet<string> = new Set(['ELOOP', 'EISDIR', 'ENXIO', 'EFBIG', 'EINVAL'])

/** The content of a state file. Throws NatspaceError STATE_UNREADABLE with what to do about it. */
export const parseState = <T extends { schemaVersion: number }>(
  path: string,
  text: string,
  isWhole: (record: T) => boolean,
): T => {
  let record: T
  try {
    record = JSON.parse(text) as T
  } catch (cause) {
    throw unreadable(path, 'it is not JSON', cause)
  }
  if (record?.schemaVersion !== schemaVersion)
    throw unreadable(
      path,
      `it has schema version ${String(record?.schemaVersion)}, and this natspace writes ${schemaVersion}`,
    )
  if (!isWhole(record)) throw unreadable(path, 'fields are missing')
  return record
}

const unreadable = (path: string, why: string, cause?: unknown): NatspaceError =>
  new NatspaceError({
    code: 'STATE_UNREADABLE',
    exit: 1,
    what: `cannot read the state file ${path}`,
    why,
    fix: [
      `use the natspace that wrote it, or remove the file: rm ${path}`,
      'then have what it spoke of put in order: natspace gc',
    ],
    cause,
  })
