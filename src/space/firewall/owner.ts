import type { Chain, RuleState, Table } from '../../linux/nftables/index.ts'

/**
 * Whose rules they are. Programs leave no signature, but names of their own: of chains, of tables, in comments. What is
 * nearest to a rule tells most: its comment, the chain it stands in or leads to, the table, and at last its neighbours,
 * as several programs share iptables' tables.
 */

/** A program that makes rules. `program` is stable, `name` is for people. */
export type Owner = { program: string; name: string }

type Signature = Owner & {
  table?: RegExp
  chain?: RegExp
  comment?: RegExp
}

/** The more particular first: what k3s starts makes chains that begin as those of Kubernetes do. */
const signatures: readonly Signature[] = [
  { program: 'natspace', name: 'natspace', table: /^natspace$/, comment: /^natspace\b/ },
  { program: 'docker', name: 'Docker', table: /^docker-bridges$/, chain: /^DOCKER(-|$)/ },
  {
    program: 'kube-router',
    name: 'kube-router (k3s)',
    chain: /^KUBE-(ROUTER|NWPLCY|POD-FW|SVC-RT|NODE-DROP)/,
    comment: /kube-router/,
  },
  { program: 'calico', name: 'Calico', table: /^calico$/, chain: /^cali-/, comment: /^cali:/ },
  { program: 'cilium', name: 'Cilium', chain: /^(OLD_)?CILIUM_/, comment: /^cilium:/ },
  {
    program: 'flannel',
    name: 'flannel',
    table: /^flannel-ipv[46]$/,
    chain: /^FLANNEL-/,
    comment: /^flanneld/,
  },
  {
    program: 'kube-proxy',
    name: 'kube-proxy',
    table: /^kube-proxy$/,
    chain: /^KUBE-/,
    comment: /^kubernetes /,
  },
  { program: 'netavark', name: 'Podman (netavark)', table: /^netavark$/, chain: /^NETAVARK([-_]|$)/ },
  {
    program: 'cni',
    name: 'CNI plugins',
    table: /^cni[-_]/,
    chain: /^CNI-/,
    comment: /^(CNI \S+ plugin|cni |dnat name: ".*" id: "|name: ".*" id: ")/,
  },
  { program: 'ufw', name: 'ufw', chain: /^ufw6?-/ },
  {
    program: 'firewalld',
    name: 'firewalld',
    table: /^firewalld/,
    chain:
      /^(INPUT|FORWARD|FORWARD_IN|FORWARD_OUT|PREROUTING|POSTROUTING|OUTPUT)_(ZONES|POLICIES_pre|direct)/,
  },
  { program: 'libvirt', name: 'libvirt', table: /^libvirt_network$/, chain: /^LIBVIRT_/ },
  { program: 'incus', name: 'Incus', table: /^incus$/, comment: /^generated for Incus / },
  { program: 'lxd', name: 'LXD', table: /^lxd$/, comment: /^generated for LXD / },
  { program: 'tailscale', name: 'Tailscale', chain: /^ts-(input|forward|postrouting)$/ },
  { program: 'fail2ban', name: 'fail2ban', table: /^f2b-/, chain: /^f2b-/ },
  {
    program: 'crowdsec',
    name: 'CrowdSec',
    table: /^crowdsec6?$/,
    chain: /^(CROWDSEC_CHAIN|crowdsec6?-chain)/,
  },
  {
    program: 'networkmanager',
    name: 'NetworkManager',
    table: /^nm-shared-/,
    chain: /^nm-sh-/,
    comment: /^nm-shared-/,
  },
  { program: 'wg-quick', name: 'wg-quick', table: /^wg-quick-/, comment: /^wg-quick\(8\) rule for / },
  { program: 'systemd', name: 'systemd', table: /^io\.systemd\.nat$/ },
  { program: 'openwrt', name: 'OpenWrt', table: /^fw4$/ },
  { program: 'nixos', name: 'the NixOS firewall', table: /^nixos-(fw|nat)/, chain: /^nixos-/ },
]

const iptables: Owner = { program: 'iptables', name: 'iptables' }
const nftables: Owner = { program: 'nftables', name: 'nftables' }

/** The tables that iptables-nft uses; what nft makes there has chains in small letters. */
const isIptables = ({ family, name, chains }: Table): boolean =>
  (family === 'ip' || family === 'ip6') &&
  /^(filter|nat|mangle|raw|security)$/.test(name) &&
  chains.some(chain => /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/.test(chain.name))

const owner = ({ program, name }: Owner): Owner => ({ program, name })

const byPart = (part: 'table' | 'chain' | 'comment', text: string | undefined): Owner | undefined => {
  if (text === undefined) return undefined
  const found = signatures.find(signature => signature[part]?.test(text))
  return found === undefined ? undefined : owner(found)
}

/** Whoever leaves a sign in a table: by its name, or by its chains, in the order of the list above. */
export const ownersOfTable = (table: Table): Owner[] => {
  const found = signatures.filter(
    ({ table: name, chain }) => name?.test(table.name) || table.chains.some(item => chain?.test(item.name)),
  )
  return found.map(owner)
}

/** Whose table it is. One that several share goes to the first of them; without a sign it is told how it was made. */
export const ownerOfTable = (table: Table): Owner =>
  byPart('table', table.name) ?? ownersOfTable(table)[0] ?? (isIptables(table) ? iptables : nftables)

/** Whose chain it is. */
export const ownerOfChain = (table: Table, chain: Pick<Chain, 'name' | 'comment'>): Owner =>
  byPart('chain', chain.name) ?? byPart('comment', chain.comment) ?? ownerOfTable(table)

/** Names of xt comments: iptables keeps them in a match of its own where it does not use the rule's user data. */
const commentsOf = ({ comment, instructions }: RuleState): string[] => [
  ...(comment === undefined ? [] : [comment]),
  ...instructions.flatMap(instruction =>
    instruction.name === 'match' && instruction.data.name === 'comment' && instruction.data.info !== undefined
      ? [new TextDecoder().decode(instruction.data.info).split('\0')[0] ?? '']
      : [],
  ),
]

/** Chains that a rule leads to. */
const targetsOf = ({ instructions }: RuleState): string[] =>
  instructions.flatMap(instruction =>
    instruction.name === 'immediate' ? (instruction.data.data?.verdict?.chain ?? []) : [],
  )

/**
 * Whose rule it is. A rule without a sign in a base chain that several share may have been written by hand, so there the
 * neighbours do not count.
 */
export const ownerOfRule = (table: Table, chain: Chain, rule: RuleState): Owner => {
  const near =
    first(commentsOf(rule), text => byPart('comment', text)) ??
    byPart('chain', chain.name) ??
    first(targetsOf(rule), text => byPart('chain', text)) ??
    byPart('table', table.name)
  if (near !== undefined) return near
  if (isIptables(table)) return iptables
  return ownerOfChain(table, chain)
}

const first = (texts: readonly string[], find: (text: string) => Owner | undefined): Owner | undefined => {
  for (const text of texts) {
    const found = find(text)
    if (found !== undefined) return found
  }
  return undefined
}
