/** Programs leave no signature on links, but names of their own and kinds of link that nobody else makes. */
const signatures: readonly { owner: string; name?: RegExp; kind?: RegExp }[] = [
  { owner: 'Docker', name: /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12})$/ },
  { owner: 'libvirt', name: /^(virbr\d+|vnet\d+)/ },
  { owner: 'Podman', name: /^podman\d+$/ },
  { owner: 'Incus', name: /^incusbr\d+$/ },
  { owner: 'LXD', name: /^lxdbr\d+$/ },
  { owner: 'LXC', name: /^lxcbr\d+$/ },
  { owner: 'Cilium', name: /^(cilium_|lxc[0-9a-f]{6,})/ },
  { owner: 'Calico', name: /^(cali[0-9a-f]+|vxlan\.calico|tunl0$)/ },
  { owner: 'flannel', name: /^flannel[.\d]/ },
  { owner: 'CNI plugins', name: /^cni\d+$/ },
  { owner: 'kube-proxy', name: /^(kube-ipvs0|nodelocaldns)$/ },
  { owner: 'Tailscale', name: /^tailscale\d*$/ },
  { owner: 'ZeroTier', name: /^zt[0-9a-z]{8}/ },
  { owner: 'Nebula', name: /^nebula\d*$/ },
  { owner: 'Open vSwitch', name: /^ovs-system$/, kind: /^openvswitch$/ },
  { owner: 'WireGuard', name: /^wg\d*/, kind: /^wireguard$/ },
]

/** Who made a link, as far as its name or kind tells; a port of a bridge mostly belongs to whoever made that. Pure. */
export const ownerOfLink = (
  { name, kind }: { name: string; kind: string | undefined },
  bridge?: string,
): string | undefined => {
  const found = signatures.find(
    signature => signature.name?.test(name) || (kind !== undefined && signature.kind?.test(kind)),
  )
  return found?.owner ?? (bridge === undefined ? undefined : ownerOfLink({ name: bridge, kind: undefined }))
}
