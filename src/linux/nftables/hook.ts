import type { Family } from './family.ts'

/** Where packets leave their way for base chains: NF_INET_*, NF_ARP_* and NF_NETDEV_* of linux/netfilter.h. */

export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress'

const inetHooks: HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress']
const hooks: Record<Family, HookName[]> = {
  inet: inetHooks,
  ip: inetHooks,
  ip6: inetHooks,
  bridge: inetHooks,
  arp: ['input', 'output', 'forward'],
  netdev: ['ingress', 'egress'],
}

/** The number of a hook in a family. Throws RangeError when the family has no such hook. */
export const hookNumber = (family: Family, hook: HookName): number => {
  const number = hooks[family].indexOf(hook)
  if (number < 0) throw new RangeError(`A table of family ${family} has no hook ${hook}`)
  return number
}

/** The name of a hook, or undefined for a number the family does not have. */
export const hookName = (family: Family, number: number): HookName | undefined => hooks[family][number]
