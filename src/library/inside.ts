import { insideNamespace, openNamespace } from '../linux/sys/namespace.ts'
import { kindOf } from './arguments.ts'
import { refusalOf } from './surroundings.ts'

/**
 * Theory of operation. A socket belongs to the network namespace in which its thread was when it was created, and a process
 * to that in which its parent was when it was started; both stay there. So it is enough to be inside for a moment: the
 * thread enters, a synchronous function runs, the thread leaves. Nothing else of this process is moved, as nothing else
 * runs meanwhile. What the function begins and ends later (a promise, a look-up of a name) happens outside.
 */

/**
 * Runs a synchronous function with this thread inside a network namespace, and returns what it returns. Throws
 * NatspaceError (NO_NAMESPACE, NS-STALE where the path is no network namespace, NOT_PERMITTED), TypeError for a function that
 * returns a promise, and what the function throws. Equivalent to: `nsenter --net=PATH`, for the time of the call
 */
export const inside = <T>(path: string, section: () => T): T => {
  if (typeof path !== 'string')
    throw new TypeError(`a namespace is given by its path, not as ${kindOf(path)}`)
  if (typeof section !== 'function')
    throw new TypeError(`what runs inside is a function, not ${kindOf(section)}`)
  let isInside = false
  let result: T
  try {
    using namespace = openNamespace(path)
    result = insideNamespace(namespace.number, () => {
      isInside = true
      return section()
    })
  } catch (error) {
    throw isInside ? error : refusalOf(error)
  }
  if (isPromise(result)) {
    // Its rejection would otherwise end the process without a word of why.
    result.then(undefined, () => undefined)
    throw new TypeError(
      'the function returned a promise: only what it does before it returns happens inside the namespace',
    )
  }
  return result
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
