import type { Scalar } from '../datatypes/datatype.ts'
import type { CtKey } from '../expressions/ct.ts'
import type { FibFlag, FibResult } from '../expressions/fib.ts'
import type { MetaKey } from '../expressions/meta.ts'
import type { PayloadBase } from '../expressions/payload.ts'
import type { RtKey } from '../expressions/rt.ts'
import type { XfrmKey } from '../expressions/xfrm.ts'
import type { ExtensionKind } from '../headers/extensions.ts'
import type { FieldName, HeaderName } from '../headers/headers.ts'

/**
 * What a rule can look at, as plain data: it can be compared, stored as JSON, compiled to the kernel's instructions and
 * printed as nft's text.
 */
export type Operand =
  | { kind: 'meta'; key: MetaKey }
  | { kind: 'payload'; header: HeaderName; field: string }
  /** Bytes without a name; offset and length in bits. */
  | { kind: 'rawPayload'; base: PayloadBase; offset: number; length: number }
  | { kind: 'ct'; key: CtKey; direction?: 'original' | 'reply' }
  | { kind: 'fib'; flags: FibFlag[]; result: FibResult; present?: true }
  | { kind: 'rt'; key: RtKey }
  /** An optional header; without a field: whether it is there. */
  | { kind: 'extension'; of: ExtensionKind; name: string; field?: string }
  /** An optional header without a name: its number, offset and length in bits. */
  | {
      kind: 'rawExtension'
      of: ExtensionKind
      number: number
      offset: number
      length: number
      present?: true
    }
  | { kind: 'socket'; key: 'transparent' | 'mark' | 'wildcard' | 'cgroupv2'; level?: number }
  | { kind: 'numgen'; type: 'inc' | 'random'; modulus: number; offset: number }
  | { kind: 'hash'; type: 'symhash'; modulus: number; offset: number }
  | { kind: 'hash'; type: 'jhash'; key: Operand; modulus: number; seed?: number; offset: number }
  | { kind: 'osf'; ttl: number; version?: true }
  | { kind: 'ipsec'; direction: 'in' | 'out'; number: number; key: XfrmKey }
  | { kind: 'concat'; parts: Operand[] }
  | { kind: 'bitwise'; operand: Operand; operator: '&' | '|' | '^' | '<<' | '>>'; value: Scalar }
  /** What a map holds for a key; `data` are the datatypes of its values. */
  | { kind: 'map'; key: Operand; map: string; data: string[] }
  | { kind: 'value'; value: Scalar | Scalar[]; types: string[] }

/** `meta KEY` (or KEY alone where nft writes it so): a fact about the packet. */
export const meta = (key: MetaKey): Operand => ({ kind: 'meta', key })

/** `HEADER FIELD`: a field of a header. Knowing that the packet has this header is the compiler's care. */
export const payload = <H extends HeaderName>(header: H, field: FieldName<H>): Operand => ({
  kind: 'payload',
  header,
  field,
})
/** `ip FIELD` */
export const ip = (field: FieldName<'ip'>): Operand => payload('ip', field)
/** `ip6 FIELD` */
export const ip6 = (field: FieldName<'ip6'>): Operand => payload('ip6', field)
/** `tcp FIELD` */
export const tcp = (field: FieldName<'tcp'>): Operand => payload('tcp', field)
/** `udp FIELD` */
export const udp = (field: FieldName<'udp'>): Operand => payload('udp', field)
/** `th FIELD`: a port, whatever the transport protocol is. */
export const th = (field: FieldName<'th'>): Operand => payload('th', field)

/** `ct [DIRECTION] KEY`: a fact about the packet's connection. */
export const ct = (key: CtKey, direction?: 'original' | 'reply'): Operand =>
  direction === undefined ? { kind: 'ct', key } : { kind: 'ct', key, direction }

/** `fib FLAGS RESULT`: what the routing table says, e.g. `fib(['daddr'], 'type')`. */
export const fib = (flags: FibFlag[], result: FibResult): Operand => ({ kind: 'fib', flags, result })

/** `rt KEY`: a fact about the packet's route. */
export const rt = (key: RtKey): Operand => ({ kind: 'rt', key })

/** `tcp option NAME [FIELD]` */
export const tcpOption = (name: string, field?: string): Operand =>
  field === undefined
    ? { kind: 'extension', of: 'tcpopt', name }
    : { kind: 'extension', of: 'tcpopt', name, field }

/** `A . B . C`: several operands as one key. */
export const concat = (...parts: Operand[]): Operand => ({ kind: 'concat', parts })

/** `OPERAND & MASK` */
export const mask = (operand: Operand, value: Scalar): Operand => ({
  kind: 'bitwise',
  operand,
  operator: '&',
  value,
})

/** `KEY map @MAP`: what the map (its name, and the datatypes of its values) holds for the key. */
export const mapLookup = (key: Operand, map: { name: string; data?: readonly string[] }): Operand => ({
  kind: 'map',
  key,
  map: map.name,
  data: [...(map.data ?? [])],
})

/** The operands that an operand is computed from; none where it is read from the packet. */
export const partsOf = (operand: Operand): readonly Operand[] => {
  switch (operand.kind) {
    case 'concat':
      return operand.parts
    case 'bitwise':
      return [operand.operand]
    case 'map':
      return [operand.key]
    case 'hash':
      return operand.type === 'jhash' ? [operand.key] : []
    default:
      return []
  }
}
