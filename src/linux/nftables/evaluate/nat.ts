import { formatIp, parseIp } from '../../net/ip.ts'
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
const translated = ({ kind, address, port, ports }: NatAction, state: State, portGiven: boolean): State => {
  const { packet } = state
  if (kind === 'snat' || kind === 'masquerade')
    return withPacket(state, {
      source: address,
      sourcePort: port,
      sourcePorts: ports,
      ctStatus: { ...packet.ctStatus, snat: true },
    })
  return withPacket(state, {
    destination: address,
    destinationPort: portGiven ? port : packet.destinationPort,
    ...(portGiven ? { destinationPorts: ports } : {}),
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

const numberOf = (bits: Bits): number | undefined =>
  isKnown(bits) ? (bits.value[0] ?? 0) * 256 + (bits.value[1] ?? 0) : undefined

/** What a rule says about ports, in registers and flags. */
const portsOf = (
  context: Context,
  { portMin, portMax, flags = 0 }: { portMin?: number; portMax?: number; flags?: number },
): Pick<NatAction, 'port' | 'ports' | 'random'> => {
  const port = portOf(context, portMin, portMax)
  const random = (flags & (natFlags.random | natFlags.fullyRandom)) === 0 ? {} : { random: true as const }
  if (port !== undefined) return { port, ...random }
  const [first, last] = [portMin, portMax].map(register =>
    register === undefined ? undefined : numberOf(context.registers.load(register, 2)),
  )
  return first === undefined || last === undefined ? random : { ports: { first, last }, ...random }
}

/** The address with its first bits replaced: `snat prefix to`. nft_nat_setup_netmap in net/netfilter/nft_nat.c. */
const mapped = (
  first: Bits | undefined,
  last: Bits | undefined,
  address: string | undefined,
): Uint8Array | undefined => {
  const own = address === undefined ? undefined : parseIp(address)
  if (first === undefined || last === undefined || !isKnown(first) || !isKnown(last)) return undefined
  return own?.map((byte, i) => {
    const free = (first.value[i] ?? 0) ^ (last.value[i] ?? 0)
    return (byte & free) | ((first.value[i] ?? 0) & ~free)
  })
}

/** Source or destination translation by registers. net/netfilter/nft_nat.c. */
export const evaluateNat = (data: Infer<typeof natExpression>, context: Context): Step => {
  const { registers, state } = context
  const { packet } = state
  const kind = data.type === 'dnat' ? 'dnat' : 'snat'
  const length = data.family === 'ip6' ? 16 : 4
  const register = (number: number | undefined) =>
    number === undefined ? undefined : registers.load(number, length)
  const netmap = ((data.flags ?? 0) & natFlags.netmap) !== 0
  const unchanged = kind === 'dnat' ? packet.destination : packet.source
  const [first, last] = [register(data.addressMin), register(data.addressMax)]
  const bytes = netmap ? mapped(first, last, unchanged) : single(first, last)
  const address =
    data.addressMin === undefined ? unchanged : bytes === undefined ? undefined : formatIp(bytes)
  const action = { kind, ...(address === undefined ? {} : { address }), ...portsOf(context, data) } as const
  return translate(action, state, data.portMin !== undefined)
}

/** Source translation to an address of the outgoing interface. net/netfilter/nft_masq.c. */
export const evaluateMasq = (data: Infer<typeof masqExpression>, context: Context): Step =>
  translate({ kind: 'masquerade', ...portsOf(context, data) }, context.state, data.portMin !== undefined)

/**
 * Destination translation to the host itself: to 127.0.0.1 for a packet of its own, else to an address of the interface
 * by which it came. net/netfilter/nft_redir.c.
 */
export const evaluateRedir = (data: Infer<typeof redirExpression>, context: Context): Step =>
  redirect(portsOf(context, data), data.portMin !== undefined, context)

/** The same for redirections of any kind. */
export const redirect = (
  ports: Pick<NatAction, 'port' | 'ports' | 'random'>,
  portGiven: boolean,
  { hook, state }: Context,
): Step => {
  const own = hook === 'output' ? (state.packet.family === 4 ? '127.0.0.1' : '::1') : undefined
  const action = { kind: 'redirect', ...(own === undefined ? {} : { address: own }), ...ports } as const
  return translate(action, state, portGiven)
}
