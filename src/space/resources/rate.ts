import type { Change, Where } from '../../linux/change.ts'
import type { QueueingDiscipline } from '../../linux/rtnetlink/queueing-discipline.ts'
import {
  limitOfLatency,
  longestBurst,
  sameTokenBucket,
  type TokenBucket,
} from '../../linux/rtnetlink/token-bucket.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import { quote } from '../spec/quote.ts'
import { formatRate } from '../spec/rate.ts'
import type { Rate } from '../spec/types.ts'
import type { Resource } from './resource.ts'

/** What of a resolved space its limits depend on. */
export type RatedSpace = {
  name: string
  namespacePath: string
  hostInterface: string
  interface: string
  mtu?: number
  rate?: Rate
}

/** The number of our queueing disciplines, by which they are known as ours: "ns" in ASCII. tc(8) writes it `6e73:`. */
export const rateHandle = 0x6e73

/** Milliseconds that a packet waits at most; more is dropped, which tells TCP to slow down. */
const latency = 50
/** Timer ticks in a second: tc-tbf(8) wants a burst of at least the rate divided by it. The usual one; the timer is finer. */
const hz = 250
/** Of a veth unless somebody says otherwise (ETH_DATA_LEN, linux/if_ether.h). */
const usualMtu = 1500
/** An Ethernet header with a VLAN tag, in bytes: the bucket counts it as part of the packet, and drops what is longer. */
const longestHeader = 18

/**
 * The token bucket for a rate (bits per second) on a link of this MTU (bytes). A burst (bytes) that is asked for is made
 * to fit: with less than a packet nothing would pass, and more than the kernel can count it would not have.
 */
export const tokenBucketOf = (rate: number, mtu: number = usualMtu, wanted = 0): TokenBucket => {
  const least = mtu + longestHeader
  const burst =
    wanted === 0
      ? Math.max(Math.ceil(rate / 8 / hz), least)
      : Math.max(Math.min(wanted, longestBurst(rate, latency)), least)
  return { rate, burst, limit: limitOfLatency(rate, burst, latency) }
}

type End = { where: Where; name: string; wanted: TokenBucket | undefined }

/**
 * The limits of a space: a token bucket at the root of each end of its cable that sends too fast. What is sent to the
 * space leaves by the host end, what it sends by the inner end. `previous` is what the space was under an earlier spec:
 * a limit that is no longer wanted is taken away, if it is ours. Where there is and was no limit, nothing is looked at.
 *
 * The limit of what the space sends stands inside the namespace, where a program with CAP_NET_ADMIN could take it off: it
 * shares a link fairly among programs without that privilege, and is no guard against one that has it. At the host end
 * that traffic comes in, where Linux can only drop, not queue (tc's `police`, which many kernels are built without).
 *
 * Equivalent to: `tc qdisc replace dev HOST root handle 6e73: tbf rate RATE burst BYTES latency 50ms`
 */
export const rateResource = (space: RatedSpace, previous?: RatedSpace): Resource => {
  const { name, hostInterface, interface: inner, namespacePath, mtu, rate } = space
  const id = `rate of ${name}`
  const end = (direction: 'up' | 'down', where: Where, link: string): End[] => {
    const limit = rate?.[direction]
    if (limit === undefined && previous?.rate?.[direction] === undefined) return []
    const burst = rate?.[`${direction}Burst`]
    return [{ where, name: link, wanted: limit === undefined ? undefined : tokenBucketOf(limit, mtu, burst) }]
  }
  // The inner end first: its change goes with those of the namespace before it, the host's with those of the host behind.
  const ends = [...end('up', namespacePath, inner), ...end('down', undefined, hostInterface)]
  const operation = (change: Change, undo: Change[]): Operation => ({
    change,
    undo,
    step: 'cable',
    space: name,
  })

  return {
    id,
    step: 'cable',
    phase: 'cable',
    space: name,
    drift(seen) {
      return ends.flatMap(({ where, name: link, wanted }): Drift[] => {
        // A cable that is missing says so itself.
        if (seen.link(where, link) === undefined) return []
        const root = rootOf(seen, where, link)
        if (wanted === undefined ? !isOurs(root) : root !== undefined && isRight(root, wanted)) return []
        const expected = wanted === undefined ? `no limit on ${link}` : `${bucketText(wanted)} on ${link}`
        return [{ resource: id, step: 'cable', space: name, expected, found: rootText(root) }]
      })
    },
    add(seen, planner) {
      return ends.flatMap(({ where, name: link, wanted }): Operation[] => {
        const index = planner.index(where, link)
        if (index === undefined) return []
        const place = { where, name: link, index }
        const fresh = planner.creates(where, link)
        const root = fresh ? undefined : rootOf(seen, where, link)
        if (wanted === undefined) return isOurs(root) ? [operation(deletion(place), again(place, root))] : []
        if (root !== undefined && isRight(root, wanted)) return []
        if (root !== undefined && !isTokenBucket(root)) throw taken(space, place, root)
        const change: Change = { type: 'qdisc.replace', ...place, handle: rateHandle, ...wanted }
        // With the cable its disciplines go.
        if (fresh) return [operation(change, [])]
        return [operation(change, isTokenBucket(root) ? again(place, root) : [deletion(place)])]
      })
    },
    remove(seen, planner) {
      return ends.toReversed().flatMap(({ where, name: link }): Operation[] => {
        const index = planner.link(where, link)?.index
        if (index === undefined) return []
        const root = rootOf(seen, where, link)
        const place = { where, name: link, index }
        return isOurs(root) ? [operation(deletion(place), again(place, root))] : []
      })
    },
  }
}

type Place = { where: Where; name: string; index: number }
type Bucket = QueueingDiscipline & { tokenBucket: TokenBucket }

/** What somebody put at the root of a link; undefined while it is what the kernel puts there itself. */
const rootOf = (seen: Observation, where: Where, name: string): QueueingDiscipline | undefined => {
  const index = seen.link(where, name)?.index
  const all = index === undefined ? [] : (seen.queueingDisciplines(where).get(index) ?? [])
  return all.find(item => item.root && item.handle !== 0)
}

/** A plain token bucket, all of which is known: it can be put back. */
const isTokenBucket = (root: QueueingDiscipline | undefined): root is Bucket =>
  root?.tokenBucket !== undefined && root.tokenBucket.peakRate === undefined

const isOurs = (root: QueueingDiscipline | undefined): root is Bucket =>
  isTokenBucket(root) && root.handle === rateHandle

/** Whoever made it: what limits as it should is right. */
const isRight = (root: QueueingDiscipline, wanted: TokenBucket): boolean =>
  root.tokenBucket !== undefined && sameTokenBucket(wanted, root.tokenBucket)

const deletion = (place: Place): Change => ({ type: 'qdisc.delete', ...place, handle: rateHandle })

/** Puts back what was there. */
const again = (place: Place, { handle, tokenBucket }: Bucket): Change[] => [
  { type: 'qdisc.replace', ...place, handle, ...tokenBucket },
]

const bucketText = ({ rate, burst, limit, peakRate }: TokenBucket): string =>
  `tbf of ${formatRate(rate)}${peakRate === undefined ? '' : `, peak ${formatRate(peakRate)}`}, burst ${burst} and limit ${limit} bytes`

const rootText = (root: QueueingDiscipline | undefined): string => {
  if (root === undefined) return 'no limit'
  return root.tokenBucket === undefined ? quote(root.kind) : bucketText(root.tokenBucket)
}

const taken = (space: RatedSpace, { where, name }: Place, root: QueueingDiscipline): NatspaceError => {
  const tc = where === undefined ? 'tc' : `tc -n ${space.name}`
  return new NatspaceError({
    code: 'QDISC_TAKEN',
    exit: 1,
    what: `cannot limit the rate of ${space.name}`,
    why: `somebody put another queueing discipline on ${name}, and natspace does not take away what it did not make`,
    evidence: [`${rootText(root)}, ${root.handle.toString(16)}: at the root of ${name}`],
    fix: [`take it away: ${tc} qdisc delete dev ${name} root`, 'or leave the rate out'],
  })
}
