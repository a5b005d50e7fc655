import type { Table } from '../../linux/nftables/index.ts'
import type { ForwardDrop } from './forward-drops.ts'
import { jumpOf } from './jump.ts'

/** Whose chain it is that drops, which decides where a remedy belongs. */
export type Owner = 'Docker' | 'ufw' | 'firewalld' | 'libvirt' | 'iptables' | 'iptables-legacy' | 'nftables'

/** By the names of chains, as their makers choose them: first those on the way of the packet, then those beside it. */
export const chainOwner = ({ table, chain, decider, top }: ForwardDrop): Owner => {
  const isUfw = (name: string | undefined) => name !== undefined && /^ufw6?-/.test(name)
  if (table.name === 'firewalld' || has(table, /^FWD[IO]?_|^FORWARD_(?:direct|POLICIES_pre|ZONES)$/))
    return 'firewalld'
  if (isUfw(decider.name) || (top !== undefined && isUfw(jumpOf(top)))) return 'ufw'
  // A policy is set by whoever is there; of the two, ufw remembers what it was told over a reload.
  if (top === undefined && chain.rules.some(rule => isUfw(jumpOf(rule)))) return 'ufw'
  if (has(table, /^DOCKER-USER$/)) return 'Docker'
  if (/^LIBVIRT_/.test(decider.name)) return 'libvirt'
  const isIptables = table.name === 'filter' && (table.family === 'ip' || table.family === 'ip6')
  return isIptables && chain.name === 'FORWARD' ? 'iptables' : 'nftables'
}

const has = ({ chains }: Table, pattern: RegExp): boolean => chains.some(({ name }) => pattern.test(name))
