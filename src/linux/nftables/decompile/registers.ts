import { registerIndex } from '../compile/program.ts'
import type { PayloadBase } from '../expressions/payload.ts'
import type { ExtensionKind } from '../headers/extensions.ts'
import type { Operand } from '../syntax/operand.ts'

/**
 * Theory of operation. To read a rule, its instructions are run with descriptions in the registers in place of values:
 * `payload load 4b @ network header + 12 => reg 1` leaves "these four bytes" in register 1, and the instruction that uses
 * the register becomes a statement about them. Which header the bytes belong to is known only then.
 */

/** Where a register's value comes from. Offsets and lengths are in bits. */
export type Source =
  | { kind: 'operand'; operand: Operand }
  | { kind: 'payload'; base: PayloadBase; offset: number; length: number }
  | { kind: 'extension'; of: ExtensionKind; number: number; offset: number; length: number }
  | { kind: 'constant'; value: Uint8Array }

/** What was computed from it since. */
export type Step =
  | { kind: 'mask'; mask: Uint8Array; xor: Uint8Array }
  | { kind: 'shift'; operator: '<<' | '>>'; amount: number }
  | { kind: 'byteorder' }

/** A register's content. */
export type Loaded = { source: Source; steps: Step[]; bytes: number }

type Slot = { start: number; loaded: Loaded }

const slots = 16

/** The register file. */
export class Registers {
  readonly #slots: (Slot | undefined)[] = new Array<Slot | undefined>(slots)

  /** Describes a register's new content. Nothing happens for a register that does not exist. */
  store(register: number | undefined, loaded: Loaded): void {
    const start = register === undefined ? undefined : registerIndex(register)
    if (start === undefined) return
    const slot = { start, loaded }
    const end = Math.min(slots, start + Math.max(1, Math.ceil(loaded.bytes / 4)))
    this.#slots.fill(slot, start, end)
  }

  /** Forgets everything: an instruction that is not understood may have written to any register. */
  clear(): void {
    this.#slots.fill(undefined)
  }

  /** What begins in a register, or undefined. */
  at(register: number | undefined): Loaded | undefined {
    const start = register === undefined ? undefined : registerIndex(register)
    const slot = start === undefined ? undefined : this.#slots[start]
    return slot?.start === start ? slot?.loaded : undefined
  }

  /** What a register is a part of, also when it began in an earlier one. */
  around(register: number | undefined): Loaded | undefined {
    const start = register === undefined ? undefined : registerIndex(register)
    return start === undefined ? undefined : this.#slots[start]?.loaded
  }

  /** The parts of a key of so many bytes that begins in a register; undefined when a part is not known. */
  key(register: number | undefined, bytes: number): Loaded[] | undefined {
    const start = register === undefined ? undefined : registerIndex(register)
    if (start === undefined) return undefined
    const parts: Loaded[] = []
    let rest = bytes
    let index = start
    do {
      const slot = this.#slots[index]
      if (slot === undefined || slot.start !== index) return undefined
      const width = Math.max(1, Math.ceil(slot.loaded.bytes / 4))
      parts.push(slot.loaded)
      index += width
      rest -= width * 4
    } while (rest > 0)
    return parts
  }
}

/** Whether bytes are all zero: a mask without an exclusive or. */
export const isPlain = (xor: Uint8Array): boolean => xor.every(byte => byte === 0)

/** Whether the byte order was turned on the way. */
export const isTurned = (loaded: Loaded): boolean => loaded.steps.some(step => step.kind === 'byteorder')
