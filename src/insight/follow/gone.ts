import type { Kernel } from '../../linux/kernel.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'

/** Milliseconds between two looks at whether the space is still there. */
const lookEvery = 500

/** Whether the namespace, or the cable that was there at first, is gone. Asks now and then, or `now`. */
export const goneTest = (
  kernel: Kernel,
  { hostInterface, namespacePath }: ResolvedSpace,
): ((now?: 'now') => boolean) => {
  const index = () => kernel.links(undefined).find(({ name }) => name === hostInterface)?.index
  const first = index()
  let lookedAt = performance.now()
  return mode => {
    const now = performance.now()
    if (mode === undefined && now - lookedAt < lookEvery) return false
    lookedAt = now
    return index() !== first || kernel.namespaceState(namespacePath) !== 'present'
  }
}
