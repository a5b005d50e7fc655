import { NatspaceError } from '../errors.ts'
import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import { namespacePath } from '../spec/names.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The namespace itself, pinned at /run/netns/NAME so that `ip netns exec NAME` works on it too. One that was there
 * before is attached to and never removed: what natspace made bears its mark, the alias of the loopback, from before it
 * had a name. So a namespace that somebody else made later under the same name is told from it.
 * Equivalent to: `ip netns add NAME`
 */
export const namespaceResource = (
  space: Pick<ResolvedSpace, 'name' | 'namespacePath'>,
  ours: boolean,
  mark: string = aliasOf(space.name),
): Resource => {
  const { name, namespacePath: path } = space
  const id = `namespace ${name}`
  return {
    id,
    step: 'namespace',
    phase: 'namespace',
    space: name,
    drift(seen) {
      const found = seen.namespace(path)
      if (found === 'present') return []
      return [{ resource: id, step: 'namespace', space: name, expected: `pinned at ${path}`, found }]
    },
    add(seen) {
      const found = seen.namespace(path)
      if (found === 'present') return []
      if (path !== namespacePath(name)) throw notThere(name, path, found)
      if (found !== 'missing') throw inTheWay(name, path, found)
      return [
        {
          change: { type: 'namespace.add', path, mark },
          undo: [{ type: 'namespace.delete', path }],
          step: 'namespace',
          space: name,
        },
      ]
    },
    remove(seen) {
      if (!ours) return []
      const removal = (type: 'file.delete' | 'namespace.delete'): Operation[] => [
        { change: { type, path }, undo: [], step: 'namespace', space: name },
      ]
      if (isUnfinished(seen, path)) return removal('file.delete')
      return isMarked(seen, path, mark) ? removal('namespace.delete') : []
    },
  }
}

/** Whether the namespace at a path bears this mark: then natspace made it. */
export const isMarked = (seen: Observation, path: string, mark: string): boolean =>
  seen.namespace(path) === 'present' && seen.link(path, 'lo')?.alias === mark

/**
 * Whether the file is there on which a namespace is pinned, and no namespace is: whoever made or removed it was killed
 * in between. The file has no permissions at all, as ip-netns(8) makes it too.
 */
export const isUnfinished = (seen: Observation, path: string): boolean => {
  if (seen.namespace(path) !== 'not-a-namespace') return false
  const status = seen.kernel.fileStatus(path)
  return status?.type === 'file' && status.mode === 0
}

/** Somebody else's namespace, which only they can make. */
const notThere = (name: string, path: string, found: string): NatspaceError =>
  new NatspaceError({
    code: 'NO_NAMESPACE',
    exit: 1,
    what: `cannot attach ${name}`,
    why:
      found === 'another'
        ? `${path} leads to another namespace than it did a moment ago`
        : `${path} is no network namespace`,
    evidence: [`${path}: ${found}`],
    fix: ['whoever asked for it has to make it first, and leave it there'],
  })

const inTheWay = (name: string, path: string, found: string): NatspaceError =>
  new NatspaceError({
    code: 'NS-STALE',
    exit: 1,
    what: `cannot create the namespace ${name}`,
    why: `${path} exists, but it is no network namespace`,
    evidence: [`${path}: ${found}`],
    fix: [`look at it, and if nothing needs it: rm ${path}`],
  })
