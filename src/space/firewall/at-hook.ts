import type { Packet } from '../../linux/nftables/evaluate/index.ts'
import type { Chain } from '../../linux/nftables/index.ts'

/**
 * A packet that is forwarded passes three hooks, and a chain of others at any of them may end it. What it looks like
 * differs: before the forward hook it bears the destination that somebody outside knows, and at the end the source that
 * our table gives it.
 */
export const transitHooks = ['prerouting', 'forward', 'postrouting'] as const

export type TransitHook = (typeof transitHooks)[number]

/** Whether the chain is one that forwarded packets meet, at one of these hooks. */
export const isMet = ({ hook, type }: Chain, hooks: readonly TransitHook[] = transitHooks): boolean =>
  type === 'filter' && hooks.some(item => item === hook)

/** Where the sources of spaces are translated: see the chain `postrouting` of our table. */
const translation = 110

/** The packet, described as it is when it is forwarded, as it looks at the hook of a chain. */
export const packetAt = ({ hook, priority = 0 }: Chain, packet: Packet): Packet => {
  const isInbound = packet.source === undefined
  if (hook === 'prerouting' && isInbound) return beforeTranslation(packet)
  if (hook === 'postrouting' && !isInbound && priority >= translation) {
    const { source: _, ...rest } = packet
    return rest
  }
  return packet
}

/** It is addressed to this host still, at the published port, or at the source port that a translation took. */
const beforeTranslation = (packet: Packet): Packet => {
  const { destination: _, destinationPort: __, fib: ___, ctStatus, ...rest } = packet
  const isNew = packet.ctState === 'new'
  const port = isNew ? packet.ctOriginal?.destinationPort : undefined
  return {
    ...rest,
    ...(isNew || ctStatus === undefined ? {} : { ctStatus }),
    ...(port === undefined ? {} : { destinationPort: port }),
    fib: ({ flags, result }) =>
      result === 'type' && flags.length === 1 && flags[0] === 'daddr' ? 'local' : undefined,
  }
}
