import type { CType, Libc } from './libc.ts'

/** The part of `bun:ffi` that is used; declared here so that Node builds need no Bun types. */
type BunFfi = {
  dlopen(
    name: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => number> }
  ptr(bytes: Uint8Array): number
  toArrayBuffer(pointer: number, offset: number, size: number): ArrayBuffer
  read: { i32(pointer: number, offset: number): number }
}

// Bun has `require` in every module; under Node this file is only parsed.
declare const require: (name: string) => unknown

const bunType: Record<CType, string> = {
  i32: 'i32',
  u32: 'u32',
  u64: 'u64',
  isize: 'i32',
  ptr: 'ptr',
  // As a number that is negative for MAP_FAILED; a pointer would be null or unsigned.
  address: 'i64_fast',
}

/** Binds the table with `bun:ffi`. */
export const openWithBun = (table: Record<string, { args: readonly CType[]; returns: CType }>): Libc => {
  const ffi = require('bun:ffi') as BunFfi
  const symbols: Record<string, { args: string[]; returns: string }> = {
    __errno_location: { args: [], returns: 'ptr' },
  }
  for (const [name, { args, returns }] of Object.entries(table))
    symbols[name] = { args: args.map(type => bunType[type]), returns: bunType[returns] }
  const library = ffi.dlopen('libc.so.6', symbols).symbols
  const errnoLocation = library.__errno_location as () => number
  return {
    ...(library as unknown as Omit<Libc, 'errno' | 'address' | 'memory'>),
    errno: () => ffi.read.i32(errnoLocation(), 0),
    address: bytes => BigInt(ffi.ptr(bytes)),
    memory: (address, size) => ffi.toArrayBuffer(address, 0, size),
  }
}
