import { FilterError } from './error.ts'
import { codes, type Instruction, memoryCells, mostInstructions } from './instruction.ts'
import type { Condition, Test, Value } from './meaning.ts'
import { largestOffset } from './predicate.ts'

/** A place in the program that jumps lead to. */
type Label = { at?: number }
type Step =
  | { type: 'plain'; instruction: Instruction }
  | { type: 'branch'; code: number; k: number; yes: Label; no: Label; far: boolean }
  | { type: 'label'; label: Label }

/** Selects all of a packet, however long: what is kept of it is decided by whoever reads. */
const wholePacket = 0xffff_ffff
const farthest = 255
const header = 14
const tooDeep = 'the arithmetic is too deep for a filter of the kernel'

/**
 * The condition as a program of classic BPF for SO_ATTACH_FILTER. Throws FilterError when it is too large for one.
 * Equivalent to: `tcpdump -d -O EXPRESSION`
 */
export const compile = (condition: Condition): Instruction[] => {
  const compiler = new Compiler()
  const yes: Label = {}
  const no: Label = {}
  compiler.condition(condition, yes, no)
  compiler.label(yes)
  compiler.emit(codes.select, wholePacket)
  compiler.label(no)
  compiler.label(compiler.refused)
  compiler.emit(codes.select, 0)
  return assemble(compiler.steps)
}

class Compiler {
  readonly steps: Step[] = []
  readonly refused: Label = {}
  #cells = 0

  emit(code: number, k = 0): void {
    this.steps.push({ type: 'plain', instruction: { code, jt: 0, jf: 0, k: k >>> 0 } })
  }

  label(label: Label): void {
    this.steps.push({ type: 'label', label })
  }

  #branch(code: number, k: number, yes: Label, no: Label): void {
    this.steps.push({ type: 'branch', code, k: k >>> 0, yes, no, far: false })
  }

  /** Goes to one of two labels. */
  condition(condition: Condition, yes: Label, no: Label): void {
    switch (condition.type) {
      case 'always':
        // Needs an instruction that goes nowhere else: a comparison that holds whatever is in A.
        this.emit(codes.loadConstant, 0)
        this.#branch(codes.jumpIf['='], condition.value ? 0 : 1, yes, no)
        return
      case 'not':
        this.condition(condition.of, no, yes)
        return
      case 'and':
      case 'or': {
        const next: Label = {}
        if (condition.type === 'and') this.condition(condition.left, next, no)
        else this.condition(condition.left, yes, next)
        this.label(next)
        this.condition(condition.right, yes, no)
        return
      }
      case 'compare':
        this.#compare(condition.test, condition.left, condition.right, yes, no)
    }
  }

  #compare(test: Test, left: Value, right: Value, yes: Label, no: Label): void {
    const code = codes.jumpIf[test]
    if (right.type === 'constant') {
      this.#value(left)
      this.#branch(code, right.value, yes, no)
    } else {
      this.#pair(left, right)
      this.#branch(code | codes.againstX, 0, yes, no)
    }
  }

  /** A = left, X = right; the left one is worked out first, as its bytes may be missing. */
  #pair(left: Value, right: Value): void {
    this.#value(left)
    const cell = this.#cells++
    if (cell >= memoryCells) throw new FilterError(1, tooDeep)
    this.emit(codes.store, cell)
    this.#value(right)
    this.emit(codes.toX)
    this.emit(codes.loadMemory, cell)
    this.#cells--
  }

  /** A = value. */
  #value(value: Value): void {
    switch (value.type) {
      case 'constant':
        this.emit(codes.loadConstant, value.value)
        return
      case 'length':
        this.emit(codes.loadLength)
        return
      case 'operation': {
        const code = codes.calculate[value.operator]
        if (value.right.type === 'constant') {
          this.#value(value.left)
          this.emit(code, value.right.value)
        } else {
          this.#pair(value.left, value.right)
          this.emit(code | codes.againstX)
        }
        return
      }
      case 'load':
        this.#load(value)
    }
  }

  #load({ from, base, at, size }: Value & { type: 'load' }): void {
    const start = from === 'payload' ? header + base : base
    if (at.type === 'constant' && at.value <= largestOffset) {
      if (from === 'frame') this.emit(codes.loadAbsolute[size], start + at.value)
      else {
        this.emit(codes.loadHeaderLength, header)
        this.emit(codes.loadIndirect[size], start + at.value)
      }
      return
    }
    this.#value(at)
    // Before the start is added, as that could go round to small offsets.
    const within: Label = {}
    this.#branch(codes.jumpIf['>'], largestOffset, this.refused, within)
    this.label(within)
    if (from === 'payload') {
      const cell = this.#cells
      if (cell >= memoryCells) throw new FilterError(1, tooDeep)
      this.emit(codes.store, cell)
      this.emit(codes.loadHeaderLength, header)
      this.emit(codes.loadMemory, cell)
      this.emit(codes.calculate['+'] | codes.againstX)
    }
    this.emit(codes.toX)
    this.emit(codes.loadIndirect[size], start)
  }
}

const sizeOf = (step: Step): number =>
  step.type === 'label' ? 0 : step.type === 'branch' && step.far ? 3 : 1

/** Gives every label its place. A branch leads at most 255 instructions on; farther ones go by two jumps, which makes others far. */
const assemble = (steps: readonly Step[]): Instruction[] => {
  for (let changed = true; changed; ) {
    let at = 0
    for (const step of steps) {
      if (step.type === 'label') step.label.at = at
      at += sizeOf(step)
    }
    if (at > mostInstructions)
      throw new FilterError(1, `needs ${at} instructions, and the kernel takes ${mostInstructions}`)
    // All distances are those of one layout: what is found to be far moves others only in the next one.
    const tooFar: (Step & { type: 'branch' })[] = []
    at = 0
    for (const step of steps) {
      if (step.type === 'branch' && !step.far)
        if (Math.max(distance(step.yes, at), distance(step.no, at)) > farthest) tooFar.push(step)
      at += sizeOf(step)
    }
    for (const step of tooFar) step.far = true
    changed = tooFar.length > 0
  }
  return layOut(steps)
}

/** Instructions between the one at `from` and the label. */
const distance = ({ at }: Label, from: number): number => {
  if (at === undefined || at <= from) throw new Error('A jump of a filter leads nowhere')
  return at - from - 1
}

const layOut = (steps: readonly Step[]): Instruction[] => {
  const program: Instruction[] = []
  for (const step of steps) {
    if (step.type === 'label') continue
    if (step.type === 'plain') {
      program.push(step.instruction)
      continue
    }
    const { code, k, yes, no, far } = step
    const at = program.length
    if (!far) program.push({ code, jt: distance(yes, at), jf: distance(no, at), k })
    else
      program.push(
        { code, jt: 0, jf: 1, k },
        { code: codes.jump, jt: 0, jf: 0, k: distance(yes, at + 1) },
        { code: codes.jump, jt: 0, jf: 0, k: distance(no, at + 2) },
      )
  }
  return program
}
