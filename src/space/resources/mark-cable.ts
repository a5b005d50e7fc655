import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Operation } from '../reconcile/operation.ts'
import type { ResolvedSpace } from '../spec/types.ts'

/** Makes a cable of somebody else ours: both ends get our alias. Equivalent to: `ip link set NAME alias ALIAS` */
export const markCable = (seen: Observation, space: ResolvedSpace, owner: string): Operation[] => {
  const alias = aliasOf(space.name, owner)
  const ends = [
    { where: undefined, name: space.hostInterface },
    { where: space.namespacePath, name: space.interface },
  ]
  return ends.flatMap(({ where, name }): Operation[] => {
    const link = seen.link(where, name)
    if (link === undefined || link.alias === alias) return []
    const end = { type: 'link.set', where, name, index: link.index } as const
    return [
      {
        change: { ...end, alias },
        undo: [{ ...end, alias: link.alias ?? '' }],
        step: 'plug',
        space: space.name,
      },
    ]
  })
}
