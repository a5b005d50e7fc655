import { EncodeError } from '../../netlink/codec.ts'
import type { Datatype, Scalar } from '../datatypes/datatype.ts'
import type { Comparison } from '../expressions/cmp.ts'
import type { Instruction } from '../expressions/index.ts'
import type { LogLevel } from '../expressions/log.ts'
import type { StatefulInstruction } from '../expressions/stateful.ts'
import type { VerdictValue } from '../sets/element.ts'
import type { Operand } from './operand.ts'
import { operandTypes } from './operand-type.ts'
import type { Pattern, SetPattern } from './pattern.ts'

/** A part of a rule that tests, changes or decides something, as plain data. */
export type Statement =
  /** `!` is nft's "none of these flags". */
  | { kind: 'match'; left: Operand; operator: Comparison | '!'; right: Pattern }
  | ({ kind: 'verdict' } & VerdictValue)
  | { kind: 'verdictMap'; key: Operand; map: string; shift?: number }
  /** `meta mark set VALUE` and the like. */
  | { kind: 'set'; target: Operand; value: Operand }
  | { kind: 'counter'; packets: number | bigint; bytes: number | bigint }
  | Limit
  | Log
  | Reject
  | Nat
  | { kind: 'masquerade'; port?: Operand; portMax?: Operand; flags: NatFlag[] }
  | { kind: 'redirect'; port?: Operand; portMax?: Operand; flags: NatFlag[] }
  | { kind: 'notrack' }
  | { kind: 'object'; type: number; name: string }
  | { kind: 'objectMap'; type: number | undefined; key: Operand; map: string }
  | {
      kind: 'dynset'
      operation: 'add' | 'update' | 'delete'
      set: string
      key: Operand
      data?: Operand
      timeout?: number
      stateful: StatefulInstruction[]
    }
  | { kind: 'stateful'; instruction: StatefulInstruction }
  | { kind: 'queue'; number: Operand; last?: number; flags: ('bypass' | 'fanout')[] }
  | { kind: 'dup'; address?: Operand; device?: Operand }
  | { kind: 'forward'; device: Operand; address?: Operand; family?: 'ip' | 'ip6' }
  | { kind: 'tproxy'; family?: 'ip' | 'ip6'; address?: Operand; port?: Operand }
  | { kind: 'synproxy'; mss?: number; windowScale?: number; flags: number }
  | { kind: 'flowOffload'; table: string }
  | { kind: 'removeOption'; name: string }
  /** An instruction as the kernel has it: of x_tables, or one that cannot be read as a statement. */
  | { kind: 'raw'; instruction: Instruction }

export type PortRange = { first: number; last: number }
export type NatFlag = 'random' | 'fully-random' | 'persistent'

export type Limit = {
  kind: 'limit'
  rate: number | bigint
  per: 'second' | 'minute' | 'hour' | 'day' | 'week'
  burst: number
  of: 'packets' | 'bytes'
  over: boolean
}

export type Log = {
  kind: 'log'
  prefix?: string
  level?: LogLevel
  group?: number
  snaplen?: number
  queueThreshold?: number
  flags: number
}

/** `icmp` and `icmpv6` name a code of that protocol, `icmpx` one that both have. */
export type Reject = {
  kind: 'reject'
  with: 'icmp' | 'icmpv6' | 'icmpx' | 'tcp reset'
  code?: string | number
}

export type Nat = {
  kind: 'nat'
  type: 'snat' | 'dnat'
  family?: 'ip' | 'ip6'
  /** A map may give address and port together. */
  address?: Operand
  addressMax?: Operand
  port?: Operand
  portMax?: Operand
  flags: NatFlag[]
  /** NETMAP: the address is a prefix, and the host part stays. */
  netmap?: true
}

/** A whole rule. */
export type Rule = { statements: Statement[]; comment?: string }

/** Puts statements together to a rule; the comment is kept in the kernel and printed by nft. */
export const rule = (statements: Statement[], comment?: string): Rule =>
  comment === undefined ? { statements } : { statements, comment }

/**
 * `LEFT RIGHT`. A list means any of these flags where the datatype is one of flags (`ct state established,related`);
 * a string with a slash is a prefix where the datatype is an address. Throws EncodeError on a value that the left side
 * cannot have, RangeError on unknown names.
 */
export const match = (
  left: Operand,
  right: Scalar | Scalar[] | Pattern | SetPattern,
  operator?: Comparison | '!',
): Statement => {
  if (typeof right === 'object' && !Array.isArray(right)) {
    if (right.kind !== 'set') return { kind: 'match', left, operator: operator ?? '==', right }
    const negated = 'negated' in right && right.negated
    return {
      kind: 'match',
      left,
      operator: operator ?? (negated ? '!=' : '=='),
      right: { kind: 'set', set: right.set, ...(right.interval ? { interval: true } : {}) },
    }
  }
  const [field, ...more] = operandTypes(left)
  if (field === undefined || more.length > 0)
    throw new EncodeError('A concatenation can only be looked up in a set')
  return {
    kind: 'match',
    left,
    operator: operator ?? '==',
    right: patternOf(field.type, right, operator),
  }
}

const patternOf = (
  type: Datatype,
  value: Scalar | Scalar[],
  operator: Comparison | '!' | undefined,
): Pattern => {
  if (type.bitmask && (operator === undefined || operator === '!' || Array.isArray(value)))
    return { kind: 'flags', flags: [value].flat().map(flag => type.fromInteger(type.toInteger(flag))) }
  if (Array.isArray(value)) throw new EncodeError(`Several values of ${type.name} need a set with a name`)
  const prefix = /^(ipv4|ipv6)_addr$/.test(type.name) && typeof value === 'string' ? value.split('/') : []
  if (prefix.length === 2) {
    const length = Number(prefix[1])
    if (!/^\d+$/.test(prefix[1] as string) || length > type.bits)
      throw new EncodeError(`${JSON.stringify(value)} is no prefix of ${type.name}`)
    return { kind: 'prefix', value: canonical(type, prefix[0] as string), length }
  }
  return { kind: 'value', value: canonical(type, value) }
}

const canonical = (type: Datatype, value: Scalar): Scalar =>
  type.kind === 'string' ? String(value) : type.fromInteger(type.toInteger(value))

/** Ends the packet's way through this hook's chain; chains of other tables still see it. */
export const accept = (): Statement => ({ kind: 'verdict', verdict: 'accept' })
/** Ends the packet. */
export const drop = (): Statement => ({ kind: 'verdict', verdict: 'drop' })
/** Goes on in another chain, and comes back. */
export const jump = (chain: string): Statement => ({ kind: 'verdict', verdict: 'jump', chain })
/** Goes on in another chain for good. */
export const goTo = (chain: string): Statement => ({ kind: 'verdict', verdict: 'goto', chain })
/** `return`: leaves the chain. */
export const leave = (): Statement => ({ kind: 'verdict', verdict: 'return' })
/** Counts packets and bytes, from zero. */
export const counter = (): Statement => ({ kind: 'counter', packets: 0, bytes: 0 })
/** Keeps connection tracking away from the packet; only of use at priority raw. */
export const notrack = (): Statement => ({ kind: 'notrack' })

/** `TARGET set VALUE`, e.g. `set(tcpOption('maxseg', 'size'), rt('mtu'))` or `set(meta('mark'), 1)`. */
export const set = (target: Operand, value: Operand | Scalar): Statement => ({
  kind: 'set',
  target,
  value: typeof value === 'object' ? value : valueLike(target, value),
})

const valueLike = (target: Operand, value: Scalar): Operand => {
  const types = operandTypes(target).map(field => field.type)
  return {
    kind: 'value',
    value: types[0] ? canonical(types[0], value) : value,
    types: types.map(type => type.name),
  }
}

/** `meta nftrace set 1`: the kernel reports the packet's further way. */
export const traceOn = (): Statement => set({ kind: 'meta', key: 'nftrace' }, 1)

/** `dnat FAMILY to TARGET`, where TARGET is a map, or an address with or without a port. */
export const dnat = (
  family: 'ip' | 'ip6',
  target: Operand | { address: string; port?: number },
  options: NatOptions = {},
): Statement => ({
  kind: 'nat',
  type: 'dnat',
  family,
  ...('kind' in target
    ? { address: target }
    : {
        address: {
          kind: 'value',
          value: target.address,
          types: [family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'],
        },
        ...(target.port === undefined ? {} : { port: portValue(target.port) }),
      }),
  flags: natFlags(options),
})

/** `snat FAMILY to ADDRESS[:PORTS] [FLAGS]`, where ADDRESS may be a map. */
export const snat = (
  family: 'ip' | 'ip6',
  address: Operand | string,
  options: NatOptions & { ports?: PortRange } = {},
): Statement => ({
  kind: 'nat',
  type: 'snat',
  family,
  address:
    typeof address === 'string'
      ? { kind: 'value', value: address, types: [family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'] }
      : address,
  ...portsOf(options),
  flags: natFlags(options),
})

export type NatOptions = { random?: boolean; fullyRandom?: boolean; persistent?: boolean }

const natFlags = ({ random, fullyRandom, persistent }: NatOptions): NatFlag[] => [
  ...(random ? (['random'] as const) : []),
  ...(fullyRandom ? (['fully-random'] as const) : []),
  ...(persistent ? (['persistent'] as const) : []),
]

/** `masquerade [to :PORTS] [FLAGS]` */
export const masquerade = (options: NatOptions & { ports?: PortRange } = {}): Statement => ({
  kind: 'masquerade',
  ...portsOf(options),
  flags: natFlags(options),
})

const portsOf = ({ ports }: { ports?: PortRange }) =>
  ports === undefined ? {} : { port: portValue(ports.first), portMax: portValue(ports.last) }

const portValue = (port: number): Operand => ({ kind: 'value', value: port, types: ['inet_service'] })

/** `redirect to :PORT` */
export const redirect = (port: number): Statement => ({
  kind: 'redirect',
  port: portValue(port),
  flags: [],
})

/** `reject [with …]`; by default `icmpx port-unreachable`, which fits both address families. */
export const reject = (
  how: Reject['with'] = 'icmpx',
  code: string | number | undefined = how === 'tcp reset' ? undefined : 'port-unreachable',
): Statement => ({ kind: 'reject', with: how, ...(code === undefined ? {} : { code }) })

/** `limit rate [over] RATE/UNIT burst BURST packets` */
export const limit = (
  rate: number,
  per: Limit['per'],
  options: { burst?: number; over?: boolean } = {},
): Statement => ({
  kind: 'limit',
  rate,
  per,
  burst: options.burst ?? 5,
  of: 'packets',
  over: options.over ?? false,
})

/** `log prefix "PREFIX" [level LEVEL]` */
export const log = (options: Omit<Log, 'kind' | 'flags'> & { flags?: number } = {}): Statement => ({
  kind: 'log',
  flags: 0,
  ...options,
})
