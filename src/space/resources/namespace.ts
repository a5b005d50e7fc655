import { NatspaceError } from '../errors.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The namespace itself, pinned at /run/netns/NAME so that `ip netns exec NAME` works on it too. One that was there
 * before is attached to and never removed. Equivalent to: `ip netns add NAME`
 */
export const namespaceResource = (space: ResolvedSpace, ours: boolean): Resource => {
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
      if (found !== 'missing') throw inTheWay(name, path, found)
      return [
        {
          change: { type: 'namespace.add', path },
          undo: [{ type: 'namespace.delete', path }],
          step: 'namespace',
          space: name,
        },
      ]
    },
    remove(seen) {
      if (!ours || seen.namespace(path) !== 'present') return []
      return [{ change: { type: 'namespace.delete', path }, undo: [], step: 'namespace', space: name }]
    },
  }
}

const inTheWay = (name: string, path: string, found: string): NatspaceError =>
  new NatspaceError({
    code: 'NS-STALE',
    exit: 1,
    what: `cannot create the namespace ${name}`,
    why: `${path} exists, but it is no network namespace`,
    evidence: [`${path}: ${found}`],
    fix: [`look at it, and if nothing needs it: rm ${path}`],
  })
