import type { Request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { addLink, addVeth } from '../rtnetlink/link.ts'
import { replaceDiscipline } from '../rtnetlink/queueing-discipline.ts'
import { type Finding, findingOf, type Question } from './answer.ts'
import type { Place } from './place.ts'

/** The answer of rtnetlink to one request; undefined is an acknowledgement. */
const refusalOf = ({ route }: Place, item: Request): NetlinkError | undefined => {
  const [result] = route.executeAll([item])
  return result instanceof NetlinkError ? result : undefined
}

/** Creates a cable. Equivalent to: `ip link add probe0 type veth peer name probe1` */
export const veth: Question = place =>
  findingOf(
    refusalOf(
      place,
      addVeth({ name: 'probe0', index: 0, peer: { name: 'probe1', index: 0, namespace: undefined } }),
    ),
  )

/**
 * Whether the kernel knows a kind of link. It is asked for one with nothing said about it, which some kinds accept, and
 * others find too little (EINVAL); a kind that is not there is refused before anyone looks. Equivalent to: `ip link add type KIND`
 */
export const linkKind =
  (kind: string): Question =>
  place =>
    kindFinding(refusalOf(place, addLink(kind, `probe-${kind}`.slice(0, 15))))

/** EOPNOTSUPP is a kind's own word too, for other things; the kernel explains which one it is (rtnl_newlink). */
export const kindFinding = (refusal: NetlinkError | undefined): Finding => {
  if (refusal?.code === 'EINVAL') return 'yes'
  const unknownKind = /^(unknown device type\.?)?$/i.test(refusal?.kernelMessage ?? '')
  return findingOf(refusal, unknownKind ? ['EOPNOTSUPP'] : [])
}

/** The loopback is link 1 of every network namespace. */
const loopback = 1

/**
 * Whether the kernel knows a queueing discipline; as with links, one that finds too little said is there.
 * Equivalent to: `tc qdisc replace dev lo root KIND`
 */
export const queueingDiscipline =
  (kind: string): Question =>
  place => {
    const refusal = refusalOf(place, replaceDiscipline(loopback, kind))
    return refusal?.code === 'EINVAL' ? 'yes' : findingOf(refusal)
  }
