import { NatspaceError } from '../errors.ts'
import { formatPublish } from '../spec/publish.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { SpaceRecord } from '../state/records.ts'

/**
 * Refuses what cannot be done to the space of a container runtime: `up` by hand, which knows nothing of its namespace
 * (NOT_OURS), and a port where this host does not reach the inside (BAD_PUBLISH). Each exit 2. Throws NatspaceError.
 */
export const checkOfRuntime = (
  spaces: readonly ResolvedSpace[],
  records: ReadonlyMap<string, SpaceRecord>,
): void => {
  for (const { name, attachment, behind, hostInterface, publish } of spaces) {
    const { attachment: before } = records.get(name)?.space ?? {}
    if (before !== undefined && attachment === undefined)
      throw new NatspaceError({
        code: 'NOT_OURS',
        exit: 2,
        what: `cannot bring ${name} up`,
        why: `a container runtime has asked for it, for ${before.container} in the network ${before.network}`,
        fix: [
          'have the runtime make the container anew',
          `natspace publish ${name} PORT and natspace unpublish ${name} PORT change its ports`,
          'natspace watch repairs it',
        ],
      })
    const [first] = publish
    if (behind !== undefined && hostInterface === '' && first !== undefined)
      throw new NatspaceError({
        code: 'BAD_PUBLISH',
        exit: 2,
        what: `cannot publish ${formatPublish(first)} for ${name}`,
        why: 'another plugin has made its interface, and this host itself does not reach it',
        fix: ['macvlan and ipvlan keep host and container apart; publish on another network'],
      })
  }
}
