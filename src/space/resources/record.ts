import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import {
  type HostRecord,
  recordPath,
  recordText,
  type SpaceRecord,
  type StatePaths,
} from '../state/records.ts'
import type { Resource } from './resource.ts'

/** One state file with a given text. It is written before anything it speaks of is made, and removed after. */
const fileResource = (id: string, path: string, text: string, space: string | undefined): Resource => ({
  id,
  step: 'record',
  phase: 'record',
  space,
  drift(seen) {
    const found = seen.file(path)
    if (found === text) return []
    return [
      {
        resource: id,
        step: 'record',
        space,
        expected: path,
        found: found === undefined ? 'missing' : 'another text',
      },
    ]
  },
  add(seen) {
    const found = seen.file(path)
    if (found === text) return []
    return [
      {
        change: { type: 'file.write', path, text, mode: 0o600 },
        undo: [
          found === undefined
            ? { type: 'file.delete', path }
            : { type: 'file.write', path, text: found, mode: 0o600 },
        ],
        step: 'record',
        space,
      },
    ]
  },
  remove(seen) {
    if (seen.file(path) === undefined) return []
    return [{ change: { type: 'file.delete', path }, undo: [], step: 'record', space }]
  },
})

/** What was asked for, for one space. */
export const spaceRecordResource = (paths: StatePaths, record: SpaceRecord): Resource =>
  fileResource(
    `record of ${record.space.name}`,
    recordPath(paths, record.space.name),
    recordText(record),
    record.space.name,
  )

/** What must be restored on the host when the last space goes. */
export const hostRecordResource = (paths: StatePaths, record: HostRecord): Resource =>
  fileResource('record of the host', paths.host, recordText(record), undefined)

/** A folder that is needed and may be there already; removing is left to whoever knows that it is empty. */
const folderOperation = (seen: Observation, path: string, mode: number): Operation[] =>
  seen.folder(path) !== undefined
    ? []
    : [
        {
          change: { type: 'directory.add', path, mode },
          undo: [{ type: 'directory.delete', path }],
          step: 'record',
          space: undefined,
        },
      ]

/** The folders of the records. The outer one exists already when the lock is held. */
export const stateFolderResource = (paths: StatePaths): Resource => ({
  id: 'state folder',
  step: 'record',
  phase: 'record',
  space: undefined,
  drift: () => [],
  add: seen => [...folderOperation(seen, paths.root, 0o700), ...folderOperation(seen, paths.spaces, 0o700)],
  // Removed with the lock, by whoever finds it empty.
  remove: () => [],
})

/**
 * The folder in which namespaces are pinned: made, and made a shared mount, by the first who needs it, as `ip netns add`
 * does; taken away again with the last space if natspace made it and nothing else is in it.
 */
export const namespaceFolderResource = (
  path: string,
  ours: boolean,
  ownNames: ReadonlySet<string>,
): Resource => ({
  id: `folder ${path}`,
  step: 'namespace',
  phase: 'record',
  space: undefined,
  drift: () => [],
  add(seen) {
    if (seen.folder(path) !== undefined) return []
    return [
      {
        change: { type: 'directory.add', path, mode: 0o755 },
        undo: [{ type: 'directory.delete', path }],
        step: 'namespace',
        space: undefined,
      },
      {
        change: { type: 'mount.share', path },
        undo: [{ type: 'mount.delete', path }],
        step: 'namespace',
        space: undefined,
      },
    ]
  },
  remove(seen) {
    const names = seen.folder(path)
    if (!ours || names === undefined || names.some(name => !ownNames.has(name))) return []
    return [
      { change: { type: 'mount.delete', path }, undo: [], step: 'namespace', space: undefined },
      { change: { type: 'directory.delete', path }, undo: [], step: 'namespace', space: undefined },
    ]
  },
})
