import type { Writer } from './writer.ts'

/**
 * A codec turns one value into bytes and back. Methods, not properties, so that a codec of a narrower type can stand in
 * a table of codecs of `unknown`.
 */
export interface Codec<T> {
  /** Appends the value. Throws EncodeError when the value cannot be represented. */
  encode(writer: Writer, value: T): void
  /** Reads the value from bytes[start, end). Throws DecodeError and nothing else. Never keeps a view of `bytes`. */
  decode(bytes: Uint8Array, start: number, end: number): T
  /** Set where the payload is a list of attributes itself: NLA_F_NESTED is written and the parts can be walked. */
  readonly nested?: boolean
  /** The parts of a composite payload, for finding an attribute by its offset and for printing. */
  parts?(bytes: Uint8Array, start: number, end: number): Iterable<Part>
}

/** One attribute inside a payload: where it is, what the schema and the kernel call it. */
export type Part = {
  key: string
  kernelName: string
  /** Offset of the attribute's header; its payload is bytes[from, to). */
  at: number
  from: number
  to: number
  codec: Codec<unknown>
}

/** The type of the values of a codec. */
export type Infer<C> = C extends Codec<infer T> ? T : never

/** A problem with a value or its bytes, and the attribute it is in. */
abstract class CodecError extends Error {
  /** From the outermost: ['IFLA_LINKINFO', 'IFLA_INFO_DATA']. */
  readonly path: string[]
  readonly problem: string

  constructor(problem: string, path: string[] = []) {
    super(path.length === 0 ? problem : `${path.join('.')}: ${problem}`)
    this.problem = problem
    this.path = path
  }

  /** The same error, one level further out. */
  abstract within(kernelName: string): CodecError
}

/** Bytes that are not what the schema says: too short, too long, or cut off; with the name of the attribute. */
export class DecodeError extends CodecError {
  override readonly name = 'DecodeError'

  within(kernelName: string): DecodeError {
    return new DecodeError(this.problem, [kernelName, ...this.path])
  }
}

/** A value that the wire format cannot hold; with the name of the attribute it was meant for. */
export class EncodeError extends CodecError {
  override readonly name = 'EncodeError'

  within(kernelName: string): EncodeError {
    return new EncodeError(this.problem, [kernelName, ...this.path])
  }
}
