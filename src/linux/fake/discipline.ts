import type { QdiscReplace } from '../change.ts'
import { EncodeError } from '../netlink/codec.ts'
import type { QueueingDiscipline } from '../rtnetlink/queueing-discipline.ts'
import { type TokenBucket, toTokenBucket, toTokenBucketOptions } from '../rtnetlink/token-bucket.ts'
import { refusal } from './errors.ts'
import type { FakeLink } from './link.ts'

/** What stands at the root of a link. */
export type FakeDiscipline = { kind: string; handle: number; tokenBucket: TokenBucket | undefined }

/** What a link gets when it comes up: hardware a queue, all others none. */
export const defaultDiscipline = ({ kind, name }: FakeLink): FakeDiscipline => ({
  kind: kind === undefined && name !== 'lo' ? 'pfifo_fast' : 'noqueue',
  handle: 0,
  tokenBucket: undefined,
})

/**
 * Puts a token bucket at the root of a link. Throws NetlinkError ENODEV, EINVAL for an impossible one, EncodeError for what
 * no message can hold. `tc qdisc replace`
 */
export const replaceDiscipline = (link: FakeLink | undefined, change: QdiscReplace): void => {
  const { handle, rate, burst, limit } = change
  const options = toTokenBucketOptions({ rate, burst, limit })
  for (const value of [handle, burst, limit, options.parameters?.rate.rate])
    if (value === undefined || !Number.isInteger(value) || value < 0 || value >= 2 ** 32)
      throw new EncodeError(`${value} is no unsigned 32-bit integer`)
  if (link === undefined) throw refusal('RTM_NEWQDISC', 'ENODEV')
  if (burst === 0) throw refusal('RTM_NEWQDISC', 'EINVAL')
  link.discipline = { kind: 'tbf', handle, tokenBucket: { rate, burst, limit } }
}

/** Throws NetlinkError ENODEV, EINVAL when another than the one of this number is there. `tc qdisc delete` */
export const deleteDiscipline = (link: FakeLink | undefined, handle: number): void => {
  if (link === undefined) throw refusal('RTM_DELQDISC', 'ENODEV')
  if (link.discipline?.handle !== handle) throw refusal('RTM_DELQDISC', 'EINVAL', 'Invalid handle')
  link.discipline = link.up ? defaultDiscipline(link) : undefined
}

/** The discipline as a question about it is answered: a burst goes through the kernel's ticks. Nothing is counted. */
export const disciplineOf = ({ index, discipline }: FakeLink): QueueingDiscipline[] => {
  if (discipline === undefined) return []
  const { kind, handle, tokenBucket } = discipline
  return [
    {
      index,
      kind,
      handle,
      root: true,
      tokenBucket: tokenBucket && toTokenBucket(toTokenBucketOptions(tokenBucket)),
      counters: { sentBytes: 0n, sentPackets: 0, drops: 0, overlimits: 0, backlog: 0 },
    },
  ]
}
