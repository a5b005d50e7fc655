/** What packets cost on a host: runs of bench/load/load.c, which is compiled beforehand. */
import { compile, compiledFrom } from './compiler.ts'
import { namespaceFile } from './host.ts'
import { ask, BenchFailure } from './process.ts'

const source = 'load/load.c'
const program = compiledFrom(source)

/** Compiles the program, once. Throws a BenchFailure where that fails. */
export const compileLoad = (): void => void compile(source)

/** The namespaces of the two ends, and the address that the client asks for. */
export type Ends = { readonly client: string; readonly server: string; readonly address: string }

const figure = (kind: string, { client, server, address }: Ends, ...rest: readonly number[]): number => {
  const files = [namespaceFile(client), namespaceFile(server)]
  const output = ask(program, kind, ...files, address, ...rest.map(String))
  const value = Number(output)
  if (!(value > 0)) throw new BenchFailure(`load ${kind} printed ${output}`)
  return value
}

/** The ports that are asked for, and the one in the server's namespace to which all of them lead. */
export type Ports = { readonly first: number; readonly count: number; readonly to: number }

/** The median time of a new TCP connection, in microseconds: from its socket to its reset. */
export const connectionMicroseconds = (ends: Ends, { first, count, to }: Ports, times: number): number =>
  figure('connections', ends, first, count, to, times) / 1000

/** The median time of a datagram of a flow that is known already, in microseconds: from end to end. */
export const packetMicroseconds = (ends: Ends, port: number, times: number): number =>
  figure('packets', ends, port, times) / 1000

/** The median time of 64 kB of a TCP stream, in microseconds: from end to end, within one process. */
export const pieceMicroseconds = (ends: Ends, port: number, times: number): number =>
  figure('pieces', ends, port, times) / 1000

/** The command that opens so many TCP connections to one port, one after another; it prints their median in nanoseconds. */
export const connectionsCommand = (
  { client, server, address }: Ends,
  port: number,
  times: number,
): string[] => [
  program,
  'connections',
  ...[namespaceFile(client), namespaceFile(server), address],
  ...[port, 1, port, times].map(String),
]

/** The command that sends one TCP stream for so long; it prints the bytes that arrived in a second. */
export const streamCommand = (
  { client, server, address }: Ends,
  port: number,
  milliseconds: number,
): string[] => [
  program,
  'stream',
  ...[namespaceFile(client), namespaceFile(server), address],
  ...[port, milliseconds].map(String),
]

/** How much one TCP stream carries in so many milliseconds, in gigabits per second. */
export const streamGigabits = (ends: Ends, port: number, milliseconds: number): number =>
  (figure('stream', ends, port, milliseconds) * 8) / 1e9

/** The command that sends so many small datagrams a second, for so long; it prints how many they were. */
export const datagramsCommand = (
  { client, server, address }: Ends,
  port: number,
  perSecond: number,
  milliseconds: number,
): string[] => [
  program,
  'datagrams',
  ...[namespaceFile(client), namespaceFile(server), address],
  ...[port, perSecond, milliseconds].map(String),
]
