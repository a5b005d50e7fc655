import { openWithBun } from './ffi-bun.ts'
import { openWithKoffi } from './ffi-koffi.ts'

/**
 * Theory of operation. natspace talks to the kernel through a handful of libc functions, declared once in the table
 * below and bound by whichever FFI the runtime has: `bun:ffi` under Bun (and in the compiled command), koffi under
 * Node. Both adapters are loaded on the first call, so importing this module costs nothing. All calls are synchronous
 * and run on the calling thread: namespaces belong to threads, so a call handed to a pool would act elsewhere.
 * Arguments of type `ptr` take bytes (or null); strings are passed as NUL-terminated bytes (see `cstring`).
 */

/**
 * C types that the table uses. `isize` is read as its low 32 bits: no call here returns more than 2 GiB. `address` is a
 * pointer as a number.
 */
export type CType = 'i32' | 'u32' | 'u64' | 'isize' | 'ptr' | 'address'

type Returns = 'i32' | 'isize' | 'address'
type Signature = { args: readonly CType[]; returns: Returns }

const signature = <const A extends readonly CType[]>(args: A, returns: Returns = 'i32') => ({
  args,
  returns,
})

/** Every libc function natspace calls, with its C signature. Equivalent to the prototypes of sections 2 and 3 of the Linux manual. */
export const libcTable = {
  open: signature(['ptr', 'i32', 'u32']),
  openat: signature(['i32', 'ptr', 'i32', 'u32']),
  close: signature(['i32']),
  read: signature(['i32', 'ptr', 'u64'], 'isize'),
  write: signature(['i32', 'ptr', 'u64'], 'isize'),
  fstatfs: signature(['i32', 'ptr']),
  ioctl: signature(['i32', 'u64', 'u64']),
  fsync: signature(['i32']),
  isatty: signature(['i32']),
  statx: signature(['i32', 'ptr', 'i32', 'u32', 'ptr']),
  getdents64: signature(['i32', 'ptr', 'u64'], 'isize'),
  access: signature(['ptr', 'i32']),
  chmod: signature(['ptr', 'u32']),
  mkdir: signature(['ptr', 'u32']),
  rmdir: signature(['ptr']),
  unlink: signature(['ptr']),
  readlink: signature(['ptr', 'ptr', 'u64'], 'isize'),
  rename: signature(['ptr', 'ptr']),
  flock: signature(['i32', 'i32']),
  fcntl: signature(['i32', 'i32', 'u64']),
  mount: signature(['ptr', 'ptr', 'ptr', 'u64', 'ptr']),
  umount2: signature(['ptr', 'i32']),
  setns: signature(['i32', 'i32']),
  unshare: signature(['i32']),
  socket: signature(['i32', 'i32', 'i32']),
  bind: signature(['i32', 'ptr', 'u32']),
  connect: signature(['i32', 'ptr', 'u32']),
  listen: signature(['i32', 'i32']),
  accept4: signature(['i32', 'ptr', 'ptr', 'i32']),
  getsockname: signature(['i32', 'ptr', 'ptr']),
  getpeername: signature(['i32', 'ptr', 'ptr']),
  getsockopt: signature(['i32', 'i32', 'i32', 'ptr', 'ptr']),
  setsockopt: signature(['i32', 'i32', 'i32', 'ptr', 'u32']),
  sendto: signature(['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], 'isize'),
  recvfrom: signature(['i32', 'ptr', 'u64', 'i32', 'ptr', 'ptr'], 'isize'),
  recvmsg: signature(['i32', 'ptr', 'i32'], 'isize'),
  poll: signature(['ptr', 'u64', 'i32']),
  inotify_init1: signature(['i32']),
  inotify_add_watch: signature(['i32', 'ptr', 'u32']),
  inotify_rm_watch: signature(['i32', 'i32']),
  mmap: signature(['u64', 'u64', 'i32', 'i32', 'i32', 'u64'], 'address'),
  munmap: signature(['u64', 'u64']),
  execve: signature(['ptr', 'ptr', 'ptr']),
  close_range: signature(['u32', 'u32', 'u32']),
  prctl: signature(['i32', 'u64', 'u64', 'u64', 'u64']),
  setgroups: signature(['u64', 'ptr']),
  setresuid: signature(['u32', 'u32', 'u32']),
  setresgid: signature(['u32', 'u32', 'u32']),
  setrlimit: signature(['i32', 'ptr']),
  signal: signature(['i32', 'u64'], 'isize'),
  sigprocmask: signature(['i32', 'ptr', 'ptr']),
  /** For calls that older C libraries have no function for; pointers as numbers (see `address`). */
  syscall: signature(['u64', 'u64', 'u64', 'u64', 'u64', 'u64'], 'isize'),
} as const satisfies Record<string, Signature>

type Argument<T extends CType> = T extends 'ptr' ? Uint8Array | null : number
type Arguments<A extends readonly CType[]> = { -readonly [K in keyof A]: Argument<A[K]> }

/** The bound functions: `libc().setns(fd, type)`. A negative result means failure; the reason is `errno()`. */
export type Libc = {
  [K in keyof typeof libcTable]: (...args: Arguments<(typeof libcTable)[K]['args']>) => number
} & {
  /** errno of the last failed call of this thread; read it before anything else. */
  errno(): number
  /** Memory address of the bytes, for structures that hold pointers (argv). The bytes must stay referenced meanwhile. */
  address(bytes: Uint8Array): bigint
  /** So many bytes of memory that was mapped at an address. Whoever unmaps it must not touch them any more. */
  memory(address: number, size: number): ArrayBuffer
}

let bound: Libc | undefined

/** libc, bound on first use. Throws when the runtime has no FFI (koffi not installed under Node). */
export const libc = (): Libc => {
  bound ??= process.versions.bun === undefined ? openWithKoffi(libcTable) : openWithBun(libcTable)
  return bound
}

const encoder = new TextEncoder()

/** A NUL-terminated copy of the text. Throws a RangeError if it contains a NUL itself: the kernel would see it cut short. */
export const cstring = (text: string): Uint8Array => {
  if (text.includes('\0'))
    throw new RangeError(`A string for the kernel holds a NUL byte: ${JSON.stringify(text)}`)
  return encoder.encode(`${text}\0`)
}
