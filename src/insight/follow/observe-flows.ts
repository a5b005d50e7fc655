import type { Kernel } from '../../linux/kernel.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { FlowFollower, type FollowedFlow, type FollowOptions, vanishing } from './flow-follower.ts'

/** Longest wait for something to read. Milliseconds; afterwards whatever else is to be done gets its turn. */
const slice = 10
/** For so long the beginning of a flow is waited for once all is done. Milliseconds. */
const settling = 100

/**
 * Observes the flows that begin in a space, or come to it, while `during` runs, and until each of them was answered, refused
 * or dropped, or its time was over. `during` makes them: it begins when everything is watched. Nothing is left afterwards.
 * Throws what `during` throws, and SystemError, NetlinkError, NamespaceError, BatchError (EPERM without CAP_NET_ADMIN).
 *
 * ```ts
 * const [visit] = await observeFlows(kernel, space, { direction: 'in', timeout: 2000 }, async () => {
 *   using client = Socket.connect({ address: '192.168.1.32', port: 8080 }, 2000, place)
 * })
 * console.log(visit?.story.end.outcome)
 * ```
 */
export const observeFlows = async (
  kernel: Kernel,
  space: ResolvedSpace,
  options: FollowOptions,
  during: () => Promise<void>,
): Promise<FollowedFlow[]> => {
  using follower = new FlowFollower(kernel, space, options)
  const flows: FollowedFlow[] = []
  const take = () => {
    for (const news of follower.turn())
      if (news.type === 'flow')
        flows.push({ flow: news.flow, observation: news.observation, story: news.story })
  }
  let endedAt: number | undefined
  let failure: { error: unknown } | undefined
  const task = during().then(
    () => {
      endedAt = performance.now()
    },
    (error: unknown) => {
      failure = { error }
    },
  )
  while (failure === undefined) {
    take()
    // A packet that vanished is taken for one, and its flow told, only a while after it was last seen.
    const patience = flows.length > 0 ? settling : settling + vanishing
    const isOver = endedAt !== undefined && performance.now() - endedAt >= patience && follower.open === 0
    if (isOver) break
    follower.wait(slice)
    await turnOfOthers()
  }
  await task
  if (failure !== undefined) throw failure.error
  return flows
}

const turnOfOthers = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
