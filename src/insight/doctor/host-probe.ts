import { ownNamespacePath } from '../../linux/sys/namespace.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import { Probe, type ProbeTarget } from '../trace/probe.ts'

/** Milliseconds that an answer is waited for. */
const patience = 1000
/** A connection that stands makes nothing to read, so it is asked now and then. Milliseconds. */
const slice = 20

/**
 * Whether the destination answers this host itself, be it with a refusal: then the way outside works, and what a namespace
 * misses is its own. Others get their turn meanwhile. Throws NamespaceError, SystemError (EPERM without CAP_NET_RAW for an echo).
 */
export const answersHost = async (target: ProbeTarget): Promise<boolean> => {
  using probe = Probe.open(ownNamespacePath, target, target.family === 4 ? '0.0.0.0' : '::')
  const end = performance.now() + patience
  let answer = probe.send()
  while (answer.type === 'none' && performance.now() < end) {
    waitReadable([probe.descriptor], slice)
    answer = probe.check()
    await turnOfOthers()
  }
  return answer.type === 'answered' || (answer.type === 'error' && answer.code === 'ECONNREFUSED')
}

const turnOfOthers = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
