import { createRequire } from 'node:module'
import type { CType, Libc } from './libc.ts'

/** The part of koffi that is used. */
type Koffi = {
  load(name: string): { func(name: string, returns: string, args: string[]): (...args: unknown[]) => number }
  errno(): number
  address(value: unknown): bigint
  view(address: bigint, size: number): ArrayBuffer
}

const koffiType: Record<CType, string> = {
  i32: 'int',
  u32: 'unsigned int',
  u64: 'size_t',
  isize: 'int',
  ptr: 'void *',
  address: 'int64_t',
}

/** Binds the table with koffi (Node). Only synchronous calls are made: koffi's asynchronous ones run on pool threads. */
export const openWithKoffi = (table: Record<string, { args: readonly CType[]; returns: CType }>): Libc => {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  const library = koffi.load('libc.so.6')
  const functions: Record<string, (...args: unknown[]) => number> = {}
  for (const [name, { args, returns }] of Object.entries(table))
    functions[name] = library.func(
      name,
      koffiType[returns],
      args.map(type => koffiType[type]),
    )
  return {
    ...(functions as unknown as Omit<Libc, 'errno' | 'address' | 'memory'>),
    errno: () => koffi.errno(),
    address: bytes => BigInt(koffi.address(bytes)),
    memory: (address, size) => koffi.view(BigInt(address), size),
  }
}
