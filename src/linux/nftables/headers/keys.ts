import type { CtKey } from '../expressions/ct.ts'
import type { FibResult } from '../expressions/fib.ts'
import type { MetaKey } from '../expressions/meta.ts'
import type { RtKey } from '../expressions/rt.ts'
import type { XfrmKey } from '../expressions/xfrm.ts'

/** Datatype and length in bits of what the kernel knows about a packet beside its bytes. */

export type KeyType = readonly [type: string, bits: number]

/** enum nft_meta_keys */
export const metaTypes: Readonly<Record<MetaKey, KeyType>> = {
  length: ['integer host', 32],
  protocol: ['ether_type', 16],
  priority: ['classid', 32],
  mark: ['mark', 32],
  iif: ['iface_index', 32],
  oif: ['iface_index', 32],
  iifname: ['ifname', 128],
  oifname: ['ifname', 128],
  iiftype: ['iface_type', 16],
  oiftype: ['iface_type', 16],
  skuid: ['uid', 32],
  skgid: ['gid', 32],
  nftrace: ['integer host', 1],
  rtclassid: ['realm', 32],
  secmark: ['integer host', 32],
  nfproto: ['nf_proto', 8],
  l4proto: ['inet_proto', 8],
  ibrname: ['ifname', 128],
  obrname: ['ifname', 128],
  pkttype: ['pkt_type', 8],
  cpu: ['integer host', 32],
  iifgroup: ['devgroup', 32],
  oifgroup: ['devgroup', 32],
  cgroup: ['integer host', 32],
  random: ['integer', 32],
  ipsec: ['boolean', 1],
  iifkind: ['ifname', 128],
  oifkind: ['ifname', 128],
  ibrpvid: ['integer host', 16],
  ibrvproto: ['ether_type', 16],
  time: ['time date', 64],
  day: ['day', 8],
  hour: ['hour', 32],
  sdif: ['iface_index', 32],
  sdifname: ['ifname', 128],
  broute: ['integer host', 1],
}

/** enum nft_ct_keys */
export const ctTypes: Readonly<Record<CtKey, KeyType>> = {
  state: ['ct_state', 32],
  direction: ['ct_dir', 8],
  status: ['ct_status', 32],
  mark: ['mark', 32],
  secmark: ['integer host', 32],
  expiration: ['time', 32],
  helper: ['string', 128],
  l3proto: ['nf_proto', 8],
  saddr: ['integer', 0],
  daddr: ['integer', 0],
  protocol: ['inet_proto', 8],
  'proto-src': ['inet_service', 16],
  'proto-dst': ['inet_service', 16],
  label: ['ct_label', 128],
  packets: ['integer host', 64],
  bytes: ['integer host', 64],
  avgpkt: ['integer host', 64],
  zone: ['integer host', 16],
  event: ['ct_event', 32],
  'ip saddr': ['ipv4_addr', 32],
  'ip daddr': ['ipv4_addr', 32],
  'ip6 saddr': ['ipv6_addr', 128],
  'ip6 daddr': ['ipv6_addr', 128],
  id: ['integer', 32],
}

/** enum nft_rt_keys */
export const rtTypes: Readonly<Record<RtKey, KeyType>> = {
  classid: ['realm', 32],
  'ip nexthop': ['ipv4_addr', 32],
  'ip6 nexthop': ['ipv6_addr', 128],
  mtu: ['integer host', 16],
  ipsec: ['boolean', 1],
}

/** enum nft_fib_result */
export const fibTypes: Readonly<Record<FibResult, KeyType>> = {
  oif: ['iface_index', 32],
  oifname: ['ifname', 128],
  type: ['fib_addrtype', 32],
}

/** enum nft_socket_keys */
export const socketTypes: Readonly<Record<'transparent' | 'mark' | 'wildcard' | 'cgroupv2', KeyType>> = {
  transparent: ['integer host', 1],
  mark: ['mark', 32],
  wildcard: ['integer host', 1],
  cgroupv2: ['cgroupsv2', 64],
}

/** enum nft_xfrm_keys */
export const xfrmTypes: Readonly<Record<XfrmKey, KeyType>> = {
  'ip daddr': ['ipv4_addr', 32],
  'ip6 daddr': ['ipv6_addr', 128],
  'ip saddr': ['ipv4_addr', 32],
  'ip6 saddr': ['ipv6_addr', 128],
  reqid: ['integer host', 32],
  spi: ['integer', 32],
}
