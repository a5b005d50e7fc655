import { readFilter } from '../insight/capture/read-filter.ts'
import { FlowFollower } from '../insight/follow/flow-follower.ts'
import { goneTest } from '../insight/follow/gone.ts'
import { parseOrigin } from '../insight/trace/origin.ts'
import type { Story } from '../insight/trace/story.ts'
import { NamespaceError } from '../linux/sys/namespace.ts'
import type { Context } from '../space/reconcile/types.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { checkedSignal, checkedText, checkedTime } from './arguments.ts'
import { pause } from './pause.ts'
import { wentDown } from './went-down.ts'

/** Which flows of a space are told of. */
export type FlowOptions = {
  /** Only what begins at this address, or ADDRESS:PORT, outside; `any`: all that comes to the space. */
  from?: string
  /** Only what is selected, in the language of pcap-filter(7); addresses as they are at any point of the way. */
  filter?: string
  /** Milliseconds in which a flow has to be answered. Default: 2000. */
  timeout?: number
  /** Ends it: the report `end` is the last one, and nothing is thrown. */
  signal?: AbortSignal
}

/** What `flows` tells. Times are in milliseconds since 1970. */
export type FlowReport =
  /** The first: from now on nothing is missed. */
  | { type: 'snapshot'; time: number; space: string }
  /** The story of a flow is over: it was answered, refused, dropped, or its time has passed. `flow` counts from 1. */
  | { type: 'event'; time: number; flow: number; story: Story }
  /** The kernel told more than could be read there: something may be missing. */
  | { type: 'lost'; time: number; place: 'inside' | 'host' }
  /** The last. `open`: flows whose story was not over; `skipped`: those that were not followed, as too many were at once. */
  | { type: 'end'; time: number; flows: number; open: number; skipped: number }

/** Milliseconds between two looks, while flows are under way and while none is. */
const busy = 5
const idle = 25
/** Events that are read from each place before others get their turn. */
const atOnce = 2000

/** See `Space.flows`. */
export async function* followFlows(
  { kernel }: Context,
  space: ResolvedSpace,
  options: FlowOptions,
): AsyncGenerator<FlowReport, void, undefined> {
  const { read, signal } = readOptions(options)
  using follower = new FlowFollower(kernel, space, { ...read, atOnce })
  const isGone = goneTest(kernel, space)
  let flows = 0
  yield { type: 'snapshot', time: Date.now(), space: space.name }
  while (!signal?.aborted) {
    const news = takeNews(follower, isGone)
    if (news === undefined || isGone()) throw wentDown(space.name, failure(space), `${flows} flows`)
    for (const item of news) {
      if (item.type === 'flow') {
        flows++
        yield { type: 'event', time: Date.now(), flow: item.flow, story: item.story }
      } else yield { type: 'lost', time: Date.now(), place: item.place }
    }
    await pause(news.length > 0 || follower.open > 0 ? busy : idle, signal)
  }
  const { open, skipped } = follower
  yield { type: 'end', time: Date.now(), flows, open, skipped }
}

const failure = ({ name }: ResolvedSpace): string => `cannot follow the flows of ${name} any longer`

/** Throws TypeError, and NatspaceError BAD_ORIGIN, BAD_FILTER. */
const readOptions = ({ from, filter, timeout = 2000, signal }: FlowOptions) => {
  const origin = checkedText('from', from)
  checkedTime('timeout', timeout)
  return {
    read: {
      timeout,
      filter: readFilter(checkedText('filter', filter) ?? ''),
      ...(origin === undefined ? {} : { from: parseOrigin(origin) }),
    },
    signal: checkedSignal(signal),
  }
}

/** undefined where the namespace is gone, and with it what is asked for there. */
const takeNews = (follower: FlowFollower, isGone: (now: 'now') => boolean) => {
  try {
    return follower.turn()
  } catch (error) {
    if (error instanceof NamespaceError && isGone('now')) return undefined
    throw error
  }
}
