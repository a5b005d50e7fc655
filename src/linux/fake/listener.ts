import type { Listener } from '../socket-diag/listener.ts'

/** What is told of a listener; the rest is as most have it. */
export type ListenerFacts = Pick<Listener, 'port'> & Partial<Omit<Listener, 'inode'>>

/** A listener: by default on every IPv4 address, in TCP, of root. */
export const newListener = (facts: ListenerFacts, inode: number): Listener => {
  const family = facts.family ?? (facts.address?.includes(':') ? 6 : 4)
  const address = facts.address ?? (family === 4 ? '0.0.0.0' : '::')
  const v6Only = family === 6 ? { v6Only: leavesIpv4Out(address, facts.v6Only) } : {}
  return { protocol: 'tcp', user: 0, ...facts, family, address, ...v6Only, inode }
}

/** Only a socket on every address has the choice: bound to one, it serves the family of that. */
const leavesIpv4Out = (address: string, asked = false): boolean =>
  address === '::' ? asked : !address.startsWith('::ffff:')
