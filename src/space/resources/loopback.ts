import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/**
 * The loopback of a namespace that natspace creates: it is born down, and programs expect 127.0.0.1 to work. That of
 * a namespace that was there before is its owner's business. Equivalent to: `ip -n NAME link set lo up`
 */
export const loopbackResource = (space: ResolvedSpace): Resource => {
  const { name, namespacePath: where } = space
  const id = `loopback of ${name}`
  return {
    id,
    step: 'namespace',
    phase: 'namespace',
    space: name,
    drift(seen) {
      if (seen.link(where, 'lo')?.up !== false) return []
      return [{ resource: id, step: 'namespace', space: name, expected: 'up', found: 'down' }]
    },
    add(seen) {
      if (seen.link(where, 'lo')?.up === true) return []
      return [
        {
          change: { type: 'link.set', where, name: 'lo', index: 1, up: true },
          undo: [],
          step: 'namespace',
          space: name,
        },
      ]
    },
    remove: () => [],
  }
}
