/** Classic BPF: struct sock_filter (linux/filter.h, linux/bpf_common.h). `jt` and `jf` count instructions to skip. */
export type Instruction = { code: number; jt: number; jf: number; k: number }

/** Codes of the instructions used here: class, size or operation, mode or operand. */
export const codes = {
  /** A = packet[k], of 4, 2, 1 bytes. */
  loadAbsolute: { 4: 0x20, 2: 0x28, 1: 0x30 },
  /** A = packet[X + k] */
  loadIndirect: { 4: 0x40, 2: 0x48, 1: 0x50 },
  /** A = length of the packet */
  loadLength: 0x80,
  /** A = k */
  loadConstant: 0x00,
  /** A = M[k] */
  loadMemory: 0x60,
  /** M[k] = A */
  store: 0x02,
  /** X = 4 * (packet[k] & 15) */
  loadHeaderLength: 0xb1,
  /** X = A */
  toX: 0x07,
  jump: 0x05,
  /** Against k; with `againstX` added, against X. */
  jumpIf: { '=': 0x15, '>': 0x25, '>=': 0x35, 'any-bit': 0x45 },
  calculate: {
    '+': 0x04,
    '-': 0x14,
    '*': 0x24,
    '/': 0x34,
    '|': 0x44,
    '&': 0x54,
    '<<': 0x64,
    '>>': 0x74,
    '%': 0x94,
    '^': 0xa4,
  },
  againstX: 0x08,
  /** Selects the first k bytes of the packet; none refuses it. */
  select: 0x06,
} as const

/** Cells of memory that a program has (BPF_MEMWORDS). */
export const memoryCells = 16

/** Instructions that a program may have (BPF_MAXINSNS). */
export const mostInstructions = 4096

/** The program as the kernel takes it: 8 bytes an instruction, in the machine's byte order. */
export const programBytes = (program: readonly Instruction[]): Uint8Array => {
  const buffer = new ArrayBuffer(program.length * 8)
  const [words, halves, bytes] = [new Uint32Array(buffer), new Uint16Array(buffer), new Uint8Array(buffer)]
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    halves[index * 4] = code
    bytes[index * 8 + 2] = jt
    bytes[index * 8 + 3] = jf
    words[index * 2 + 1] = k
  }
  return bytes
}
