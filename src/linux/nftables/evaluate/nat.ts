import { formatIp } from '../../net/ip.ts'
import type { Infer } from '../../netlink/codec.ts'
import type { masqExpression } from '../expressions/masq.ts'
import { type natExpression, natFlags } from '../expressions/nat.ts'
import type { redirExpression } from '../expressions/redir.ts'
import { type Bits, isKnown } from './bits.ts'
import type { Context } from './context.ts'
import { type State, withPacket } from './state.ts'
import { endWith, type NatAction, type Step } from './step.ts'

/**
 * Ends the chain with a translation. `portGiven`: the rule asks for a port, though it may not be known which one of a
 * range is taken.
 */
export const translate = (action: NatAction, state: State, portGiven = action.port !== undefined): Step =>
  endWith({ verdict: 'nat', action, state: translated(action, state, portGiven) })

/** The packet behind it. Which source port a connection gets is known only where the rule gives one. */
const translated = ({ kind, address, port }: NatAction, state: State, portGiven: boolean): State => {
  const { packet } = state
  if (kind === 'snat' || kind === 'masquerade')
    return withPacket(state, {
      source: address,
      sourcePort: port,
      ctStatus: { ...packet.ctStatus, snat: true },
    })
  return withPacket(state, {
    destination: address,
    destinationPort: portGiven ? port : packet.destinationPort,
    ctStatus: { ...packet.ctStatus, dnat: true },
  })
}

/** First and last of a range in registers; undefined when there is none, or it is not one known value. */
const single = (first: Bits | undefined, last: Bits | undefined): Uint8Array | undefined => {
  if (first === undefined || !isKnown(first)) return undefined
  const known =
    last === undefined || (isKnown(last) && last.value.every((byte, i) => byte === first.value[i]))
  return known ? first.value : undefined
}

const portOf = (
  { registers }: Context,
  min: number | undefined,
  max: number | undefined,
): number | undefined => {
  if (min === undefined) return undefined
  const bytes = single(registers.load(min, 2), max === undefined ? undefined : registers.load(max, 2))
  return bytes === undefined ? undefined : (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)
}

const withPort = (action: NatAction, port: number | undefined): NatAction =>
  port === undefined ? action : { ...action, port }

/** Source or destination translation by registers. net/netfilter/nft_nat.c. */
export const evaluateNat = (data: Infer<typeof natExpression>, context: Context): Step => {
  const { registers, state } = context
  const { packet } = state
  const kind = data.type === 'dnat' ? 'dnat' : 'snat'
  const length = data.family === 'ip6' ? 16 : 4
  const register = (number: number | undefined) =>
    number === undefined ? undefined : registers.load(number, length)
  const netmap = ((data.flags ?? 0) & natFlags.netmap) !== 0
  const bytes = netmap ? undefined : single(register(data.addressMin), register(data.addressMax))
  const unchanged = kind === 'dnat' ? packet.destination : packet.source
  const address =
    data.addressMin === undefined ? unchanged : bytes === undefined ? undefined : formatIp(bytes)
  const port = portOf(context, data.portMin, data.portMax)
  const action = withPort({ kind, ...(address === undefined ? {} : { address }) }, port)
  return translate(action, state, data.portMin !== undefined)
}

/** Source translation to an address of the outgoing interface. net/netfilter/nft_masq.c. */
export const evaluateMasq = (data: Infer<typeof masqExpression>, context: Context): Step =>
  translate(withPort({ kind: 'masquerade' }, portOf(context, data.portMin, data.portMax)), context.state)

/**
 * Destination translation to the host itself: to 127.0.0.1 for a packet of its own, else to an address of the interface
 * by which it came. net/netfilter/nft_redir.c.
 */
export const evaluateRedir = (data: Infer<typeof redirExpression>, context: Context): Step =>
  redirect(portOf(context, data.portMin, data.portMax), data.portMin !== undefined, context)

/** The same for redirections of any kind. */
export const redirect = (port: number | undefined, portGiven: boolean, { hook, state }: Context): Step => {
  const own = hook === 'output' ? (state.packet.family === 4 ? '127.0.0.1' : '::1') : undefined
  const action = withPort({ kind: 'redirect', ...(own === undefined ? {} : { address: own }) }, port)
  return translate(action, state, portGiven)
}
