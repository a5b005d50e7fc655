import { formatIp, parseIp } from '../net/ip.ts'
import { parsePrefix, prefixContains } from '../net/prefix.ts'
import { type Codec, DecodeError } from '../netlink/codec.ts'
import { Connection, type Request, request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { message, NLM_F } from '../netlink/message.ts'
import { bytes } from '../netlink/scalars.ts'
import { littleEndian } from '../netlink/writer.ts'
import { SystemError } from '../sys/errno.ts'
import { openNamespace } from '../sys/namespace.ts'

/**
 * Policies of IPsec: XFRM_MSG_NEWPOLICY, XFRM_MSG_DELPOLICY, XFRM_MSG_GETPOLICY. struct xfrm_userpolicy_info and struct
 * xfrm_userpolicy_id, linux/xfrm.h. Equivalent to: `ip xfrm policy …`
 */

/** The protocol number of the socket. */
const NETLINK_XFRM = 6

const XFRM_MSG = { newPolicy: 0x13, deletePolicy: 0x14, getPolicy: 0x15 } as const

const directions = ['in', 'out', 'fwd', 'socket'] as const

export type XfrmPolicy = {
  /** Packets for this host, from this host, or passed on; or those of one socket alone. */
  direction: (typeof directions)[number]
  action: 'allow' | 'block'
  /** Prefixes of the packets' addresses. */
  source: string
  destination: string
  /** Whether packets have to be encrypted: it has templates. */
  hasTemplates: boolean
}

const families = { 4: 2, 6: 10 } as const
/** struct xfrm_selector, xfrm_lifetime_cfg, xfrm_lifetime_cur, and three words; padded to eight bytes. */
const size = 168
const at = { family: 40, destinationLength: 42, sourceLength: 43, limits: 56, direction: 160, action: 161 }

type Info = Omit<XfrmPolicy, 'hasTemplates'>

/** struct xfrm_userpolicy_info. */
const info: Codec<Info> & { size: number } = {
  size,
  encode(writer, policy) {
    const block = new Uint8Array(size)
    const view = new DataView(block.buffer)
    writeSelector(block, policy)
    // Unlimited: XFRM_INF in the four limits of bytes and packets.
    for (let index = 0; index < 4; index++)
      view.setBigUint64(at.limits + index * 8, 0xffff_ffff_ffff_ffffn, littleEndian)
    view.setUint8(at.direction, directions.indexOf(policy.direction))
    view.setUint8(at.action, policy.action === 'block' ? 1 : 0)
    writer.raw(block)
  },
  decode(all, start, end) {
    if (end - start < size) throw new DecodeError(`expected ${size} bytes, found ${end - start}`)
    const view = new DataView(all.buffer, all.byteOffset + start, size)
    const length = view.getUint16(at.family, littleEndian) === families[6] ? 16 : 4
    const address = (offset: number) => formatIp(all.slice(start + offset, start + offset + length))
    const direction = directions[view.getUint8(at.direction)] ?? 'socket'
    return {
      direction,
      action: view.getUint8(at.action) === 1 ? 'block' : 'allow',
      destination: `${address(0)}/${view.getUint8(at.destinationLength)}`,
      source: `${address(16)}/${view.getUint8(at.sourceLength)}`,
    }
  },
}

const writeSelector = (
  block: Uint8Array,
  { source, destination }: Pick<Info, 'source' | 'destination'>,
): void => {
  const view = new DataView(block.buffer)
  const [from, to] = [parsePrefix(source), parsePrefix(destination)]
  block.set(parseIp(to?.address ?? '') ?? [], 0)
  block.set(parseIp(from?.address ?? '') ?? [], 16)
  view.setUint16(at.family, source.includes(':') ? families[6] : families[4], littleEndian)
  view.setUint8(at.destinationLength, to?.length ?? 0)
  view.setUint8(at.sourceLength, from?.length ?? 0)
}

const policyMessage = message('struct xfrm_userpolicy_info', info, {
  templates: [5, bytes, 'XFRMA_TMPL'],
} as const)

/** struct xfrm_userpolicy_id: the selector, a number and the direction. */
const identity: Codec<Info> & { size: number } = {
  size: 64,
  encode(writer, policy) {
    const block = new Uint8Array(64)
    writeSelector(block, policy)
    block[60] = directions.indexOf(policy.direction)
    writer.raw(block)
  },
  decode: (all, start, end) => info.decode(all, start, end),
}

const identityMessage = message('struct xfrm_userpolicy_id', identity, {})

/** Adds a policy without templates. Equivalent to: `ip xfrm policy add src … dst … dir … action …` */
export const addXfrmPolicy = (policy: Info): Request =>
  request('XFRM_MSG_NEWPOLICY', XFRM_MSG.newPolicy, NLM_F.create | NLM_F.exclusive, policyMessage, {
    header: policy,
    attributes: {},
  })

/** Deletes it. Equivalent to: `ip xfrm policy delete src … dst … dir …` */
export const deleteXfrmPolicy = (policy: Info): Request =>
  request('XFRM_MSG_DELPOLICY', XFRM_MSG.deletePolicy, 0, identityMessage, {
    header: policy,
    attributes: {},
  })

const listPolicies = (): Request =>
  request('XFRM_MSG_GETPOLICY', XFRM_MSG.getPolicy, 0, identityMessage, {
    header: { direction: 'in', action: 'allow', source: '0.0.0.0/0', destination: '0.0.0.0/0' },
    attributes: {},
  })

const connect = (where: string | undefined): Connection => {
  using namespace = where === undefined ? undefined : openNamespace(where)
  return Connection.open(NETLINK_XFRM, namespace === undefined ? {} : { namespace: namespace.number })
}

/** Sends requests to a namespace. Throws NetlinkError, SystemError. */
export const changeXfrm = (where: string | undefined, requests: readonly Request[]): void => {
  using connection = connect(where)
  connection.execute(requests)
}

/**
 * All policies of a namespace; [] where the kernel has no IPsec. Throws NetlinkError (EPERM without CAP_NET_ADMIN),
 * NamespaceError. Equivalent to: `ip xfrm policy`
 */
export const xfrmPolicies = (where: string | undefined): XfrmPolicy[] => {
  try {
    using connection = connect(where)
    return connection
      .dump(listPolicies(), policyMessage)
      .map(({ header, attributes }) => ({ ...header, hasTemplates: attributes.templates !== undefined }))
  } catch (error) {
    // A kernel without it has no such protocol.
    if (error instanceof SystemError && error.code === 'EPROTONOSUPPORT') return []
    if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP') return []
    throw error
  }
}

/** Whether a policy is about a packet's addresses. Pure. */
export const concerns = (policy: XfrmPolicy, packet: { source: string; destination: string }): boolean =>
  prefixContains(policy.source, packet.source) && prefixContains(policy.destination, packet.destination)
