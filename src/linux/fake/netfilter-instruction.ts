import type { Instruction } from '../nftables/expressions/index.ts'
import { natFlags } from '../nftables/expressions/nat.ts'

type Data<N extends Instruction['name']> =
  Extract<Instruction, { name: N }> extends { data: infer D } ? D : never

/** An instruction as the kernel gives it back: with what it fills in where nobody sent it. */
export const asKernelKeeps = (instruction: Instruction): Instruction => {
  switch (instruction.name) {
    case 'bitwise':
      return { ...instruction, data: { operation: 'mask', ...instruction.data } }
    case 'counter':
      return { ...instruction, data: { packets: 0n, bytes: 0n, ...instruction.data } }
    case 'exthdr':
    case 'lookup':
      return { ...instruction, data: { flags: 0, ...instruction.data } } as Instruction
    case 'log':
      return instruction.data.group === undefined
        ? { ...instruction, data: { level: 'warn', ...instruction.data } }
        : instruction
    case 'masq':
    case 'redir':
      return { ...instruction, data: withPorts(instruction.data) } as Instruction
    case 'nat':
      return { ...instruction, data: withRange(instruction.data) }
    case 'reject':
      // A reset has no code.
      return instruction.data.type === 'tcpReset'
        ? { ...instruction, data: { type: 'tcpReset' } }
        : instruction
    case 'notrack':
      return { ...instruction, bare: true }
    default:
      return instruction
  }
}

/** A range of one port has the same register at both ends. */
const withPorts = <D extends Data<'redir'>>(data: D): D =>
  data.portMin === undefined ? data : { ...data, portMax: data.portMax ?? data.portMin }

/** So has one of an address, and the flags say what was given. */
const withRange = (data: Data<'nat'>): Data<'nat'> => {
  const { addressMin, addressMax, portMin, flags = 0 } = data
  return {
    ...withPorts(data),
    ...(addressMin === undefined ? {} : { addressMax: addressMax ?? addressMin }),
    flags:
      flags |
      (addressMin === undefined ? 0 : natFlags.mapAddress) |
      (portMin === undefined ? 0 : natFlags.protoSpecified),
  }
}
