/** Values of a new network namespace, as Linux 6.18 has them; leaves that natspace and its checks may look at. */

type Values = Readonly<Record<string, string | number>>

/** net.ipv4.conf.*: every interface's folder, `all` and `default`. */
export const ipv4Interface: Values = {
  accept_local: 0,
  accept_redirects: 1,
  accept_source_route: 1,
  arp_accept: 0,
  arp_announce: 0,
  arp_filter: 0,
  arp_ignore: 0,
  arp_notify: 0,
  bc_forwarding: 0,
  disable_policy: 0,
  disable_xfrm: 0,
  drop_gratuitous_arp: 0,
  forwarding: 0,
  ignore_routes_with_linkdown: 0,
  log_martians: 0,
  mc_forwarding: 0,
  promote_secondaries: 0,
  proxy_arp: 0,
  route_localnet: 0,
  rp_filter: 0,
  secure_redirects: 1,
  send_redirects: 1,
  shared_media: 1,
  src_valid_mark: 0,
}

/** net.ipv6.conf.* */
export const ipv6Interface: Values = {
  accept_dad: 1,
  accept_ra: 1,
  accept_ra_defrtr: 1,
  accept_ra_pinfo: 1,
  accept_redirects: 1,
  accept_source_route: 0,
  addr_gen_mode: 0,
  autoconf: 1,
  dad_transmits: 1,
  disable_ipv6: 0,
  force_forwarding: 0,
  forwarding: 0,
  hop_limit: 64,
  keep_addr_on_down: 0,
  mtu: 1280,
  proxy_ndp: 0,
  use_tempaddr: 0,
}

/** What differs in the folder `all`, and in that of the loopback. */
export const exceptions: Readonly<Record<string, string>> = {
  'net/ipv4/conf/all/accept_source_route': '0',
  'net/ipv4/conf/lo/disable_policy': '1',
  'net/ipv4/conf/lo/disable_xfrm': '1',
  'net/ipv6/conf/all/accept_dad': '0',
  'net/ipv6/conf/lo/accept_dad': '-1',
  'net/ipv6/conf/lo/use_tempaddr': '-1',
}

/** Those of a namespace that belong to no interface, by path. */
export const namespaceValues: Values = {
  'net/core/rmem_default': 212992,
  'net/core/rmem_max': 212992,
  'net/core/somaxconn': 4096,
  'net/core/wmem_default': 212992,
  'net/core/wmem_max': 212992,
  'net/ipv4/fib_multipath_hash_policy': 0,
  'net/ipv4/icmp_echo_ignore_all': 0,
  'net/ipv4/icmp_echo_ignore_broadcasts': 1,
  'net/ipv4/ip_default_ttl': 64,
  'net/ipv4/ip_forward_use_pmtu': 0,
  'net/ipv4/ip_local_port_range': '32768\t60999',
  'net/ipv4/ip_local_reserved_ports': '',
  'net/ipv4/ip_no_pmtu_disc': 0,
  'net/ipv4/ip_nonlocal_bind': 0,
  'net/ipv4/ip_unprivileged_port_start': 1024,
  'net/ipv4/ping_group_range': '1\t0',
  'net/ipv4/tcp_mtu_probing': 0,
  'net/ipv4/tcp_syncookies': 1,
  'net/ipv6/bindv6only': 0,
  'net/ipv6/ip_nonlocal_bind': 0,
  'net/netfilter/nf_conntrack_acct': 0,
  'net/netfilter/nf_conntrack_buckets': 262144,
  'net/netfilter/nf_conntrack_count': 0,
  'net/netfilter/nf_conntrack_generic_timeout': 600,
  'net/netfilter/nf_conntrack_icmp_timeout': 30,
  'net/netfilter/nf_conntrack_log_invalid': 0,
  'net/netfilter/nf_conntrack_max': 262144,
  'net/netfilter/nf_conntrack_tcp_be_liberal': 0,
  'net/netfilter/nf_conntrack_tcp_loose': 1,
  'net/netfilter/nf_conntrack_tcp_timeout_established': 432000,
  'net/netfilter/nf_conntrack_timestamp': 0,
  'net/netfilter/nf_conntrack_udp_timeout': 30,
  'net/netfilter/nf_conntrack_udp_timeout_stream': 120,
}

/** Those of the whole machine. */
export const machineValues: Values = {
  'kernel/ostype': 'Linux',
  'kernel/osrelease': '6.18.0',
  'kernel/random/boot_id': '2b9c5a52-6d1c-4f9e-9f5e-0c6d1f3a7e10',
  'user/max_net_namespaces': 15000,
  'user/max_user_namespaces': 15000,
}
