/** Names that natspace chooses. All are functions of the space's name, so a second `up` finds what the first made. */

import { isCreatableInterfaceName } from '../../linux/net/interface-name.ts'

/** The inner end's name unless the spec says otherwise: what programs inside expect to find. */
export const DEFAULT_INNER_INTERFACE = 'eth0'

/** Where ip-netns(8) keeps namespaces, so that `ip netns exec NAME` works on ours. */
export function namespacePath(name: string): string {
  return `/run/netns/${name}`
}

/**
 * Name of the host end: `veth-NAME`, or, if that is over 15 bytes or taken, `veth-` and ten characters of a hash. The
 * `veth` makes NetworkManager leave it alone. `attempt` 1, 2, … give further hashed names for the case that the one
 * before belongs to somebody else.
 */
export function hostInterfaceName(name: string, attempt = 0): string {
  const plain = `veth-${name}`
  if (attempt === 0 && isCreatableInterfaceName(plain)) return plain
  return `veth-${hash(attempt === 0 ? name : `${name} ${attempt}`)}`
}

/** 51 bits in ten characters of base 36: with 5,000 long names, two collide once in some 180 million cases. */
function hash(text: string): string {
  const high = fnv1a(text, 0x811c9dc5)
  const low = fnv1a(text, 0x9dc5811c) >>> 13
  return (high * 2 ** 19 + low).toString(36).padStart(10, '0')
}

/** FNV-1a of 32 bits (RFC 9923) with a chosen start value; the names are ASCII, so a character is a byte. */
function fnv1a(text: string, start: number): number {
  let value = start
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
