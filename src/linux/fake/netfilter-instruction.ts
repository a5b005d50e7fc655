import type { Instruction } from '../nftables/expressions/index.ts'

/** An instruction as the kernel gives it back: with the attributes it fills in itself. */
export const asKernelKeeps = (instruction: Instruction): Instruction => instruction
