import { registerIndex } from '../compile/program.ts'
import { type Bits, slice, unknownBits } from './bits.ts'

const bytesInAll = 64

/** The register file of one rule (struct nft_regs): sixteen words, of which nothing is known at first. */
export class Registers {
  readonly #bits = unknownBits(bytesInAll)

  /** Puts bits into a register; the rest of its last word becomes zero. A register that does not exist is left out. */
  store(register: number | undefined, bits: Bits): void {
    const start = offset(register)
    if (start === undefined) return
    const end = Math.min(bytesInAll, start + 4 * Math.ceil(bits.value.length / 4))
    this.#bits.value.fill(0, start, end)
    this.#bits.known.fill(255, start, end)
    this.#bits.value.set(bits.value.subarray(0, bytesInAll - start), start)
    this.#bits.known.set(bits.known.subarray(0, bytesInAll - start), start)
  }

  /** So many bytes from a register on. */
  load(register: number | undefined, length: number): Bits {
    const start = offset(register)
    return start === undefined ? unknownBits(length) : slice(this.#bits, start, length)
  }

  /** Forgets everything: another rule begins, or an instruction that is not understood may have written anywhere. */
  clear(): void {
    this.#bits.value.fill(0)
    this.#bits.known.fill(0)
  }
}

const offset = (register: number | undefined): number | undefined => {
  const index = register === undefined ? undefined : registerIndex(register)
  return index === undefined ? undefined : index * 4
}
