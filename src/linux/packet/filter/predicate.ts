import type { Operator } from './expression.ts'
import type { Condition, Test, Value } from './meaning.ts'

/** A packet as the kernel's filters see it: the bytes that are there, and the length on the wire. */
export type Frame = { bytes: Uint8Array; length: number }

/** Past this no packet reaches; the program for the kernel refuses such offsets too, as there large ones mean other things. */
export const largestOffset = 0x3ffff

/** Instead of a number: a byte was asked for that is not there, or a division by zero. Numbers here have no sign. */
const refused = -1

/** A number of the packet, or `refused`. */
type Number32 = (frame: Frame) => number
/** 1, 0, or `refused`. */
type Truth = (frame: Frame) => number

/** The condition as a function: whether a frame is selected. */
export const predicateOf = (condition: Condition): ((frame: Frame) => boolean) => {
  const truth = truthOf(condition)
  return frame => truth(frame) === 1
}

const truthOf = (condition: Condition): Truth => {
  switch (condition.type) {
    case 'always':
      return () => (condition.value ? 1 : 0)
    case 'not': {
      const of = truthOf(condition.of)
      return frame => {
        const result = of(frame)
        return result === refused ? refused : 1 - result
      }
    }
    case 'and':
    case 'or': {
      const [left, right] = [truthOf(condition.left), truthOf(condition.right)]
      const goesOn = condition.type === 'and' ? 1 : 0
      return frame => {
        const first = left(frame)
        return first === goesOn ? right(frame) : first
      }
    }
    case 'compare': {
      const [left, right] = [numberOf(condition.left), numberOf(condition.right)]
      const { test } = condition
      return frame => {
        const a = left(frame)
        const b = a === refused ? refused : right(frame)
        return b === refused ? refused : holds(test, a, b) ? 1 : 0
      }
    }
  }
}

const holds = (test: Test, a: number, b: number): boolean => {
  if (test === '=') return a === b
  if (test === '>') return a > b
  return test === '>=' ? a >= b : (a & b) !== 0
}

const numberOf = (value: Value): Number32 => {
  switch (value.type) {
    case 'constant':
      return () => value.value
    case 'length':
      return ({ length }) => length
    case 'operation': {
      const [left, right] = [numberOf(value.left), numberOf(value.right)]
      const { operator } = value
      return frame => {
        const a = left(frame)
        const b = a === refused ? refused : right(frame)
        return b === refused ? refused : calculate(operator, a, b)
      }
    }
    case 'load': {
      const at = numberOf(value.at)
      const { from, base, size } = value
      return frame => {
        const offset = at(frame)
        if (offset === refused || offset > largestOffset) return refused
        const start = from === 'frame' ? 0 : payloadStart(frame.bytes)
        return start === refused ? refused : load(frame.bytes, start + base + offset, size)
      }
    }
  }
}

/** Behind the IPv4 header, whose length its first byte tells in words. */
const payloadStart = (bytes: Uint8Array): number => {
  const first = bytes[14]
  return first === undefined ? refused : 14 + (first & 0x0f) * 4
}

const load = (bytes: Uint8Array, at: number, size: number): number => {
  if (at + size > bytes.length) return refused
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

const calculate = (operator: Operator, a: number, b: number): number => {
  switch (operator) {
    case '+':
      return (a + b) >>> 0
    case '-':
      return (a - b) >>> 0
    case '*':
      return Math.imul(a, b) >>> 0
    case '/':
      return b === 0 ? refused : Math.floor(a / b)
    case '%':
      return b === 0 ? refused : a % b
    case '&':
      return (a & b) >>> 0
    case '|':
      return (a | b) >>> 0
    case '^':
      return (a ^ b) >>> 0
    case '<<':
      return (a << b) >>> 0
    case '>>':
      return a >>> b
  }
}
