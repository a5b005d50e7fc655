import { ChangeError, type Outcome } from './change.ts'
import { endOfGroup } from './change-group.ts'
import type { Kernel } from './kernel.ts'
import { errno, SystemError } from './sys/errno.ts'

/** How a kernel is to fail. */
export type Failure = {
  /** Which change is refused: 1 is the first one that is tried through this object. */
  at: number
  /** Why; default: an input/output error (EIO), which means nothing else to anybody. */
  error?: Error & { code?: string }
}

/** A kernel that refuses one change. */
export type FailingKernel = Kernel & {
  /** How many changes were tried so far, the refused one included. */
  readonly tried: number
}

/**
 * A kernel that does as the wrapped one does, but refuses the n-th change that is asked of it without carrying it out: a
 * test that goes through all n sees that every failure leaves no trace. What was sent together with the refused change
 * is tried all the same, as rtnetlink does. With `at: Infinity` it only counts.
 */
export const failingKernel = (kernel: Kernel, { at, error }: Failure): FailingKernel => {
  let tried = 0
  const change: Kernel['change'] = changes => {
    const outcomes: Outcome[] = changes.map(() => 'not-tried')
    for (let start = 0; start < changes.length; ) {
      const end = endOfGroup(changes, start)
      const group = changes.slice(start, end)
      const refused = group[at - tried - 1]
      tried += group.length
      const passed = kernel.change(group.filter(item => item !== refused))
      for (const [index, item] of group.entries())
        outcomes[start + index] =
          item === refused
            ? new ChangeError(item, error ?? new SystemError(item.type, errno.EIO))
            : (passed.shift() ?? 'not-tried')
      if (outcomes.slice(start, end).some(outcome => outcome instanceof ChangeError)) break
      start = end
    }
    return outcomes
  }
  // A proxy, so that a question that is added to the interface is passed on without a word here.
  return new Proxy(kernel, {
    get(target, key) {
      if (key === 'change') return change
      if (key === 'tried') return tried
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as FailingKernel
}
