/**
 * What each chain and each set of the table is for, a sentence or two each. Apart from the definitions, as `up` has no
 * use for it; a test holds it complete.
 */

/** Chains by name: what happens to a packet there. */
export const chainsAbout: Readonly<Record<string, string>> = {
  guard:
    'Before anything is translated: loopback addresses come from nowhere but the loopback, a space sends under its own addresses, and nobody else sends as an inside address.',
  to_inside:
    'What is addressed to an inside address here was not published. It comes through from networks that a space accepts, or that it is not translated for, and only by the link that an answer would leave by.',
  from_space:
    'Whatever comes out of a cable bears an address of its space; of link-local IPv6 only neighbour discovery passes.',
  prerouting:
    'Connections that arrive for an address of this host may be for a published port. It comes behind the priority of others, whose port forwarding wins.',
  publish:
    'Leads a published port into its space: single ports before ranges, those of one host address before those of all.',
  input: 'Packets of spaces for this host itself.',
  refuse:
    'Refusals are told to whoever asked: by a reset for TCP, else by ICMP (administratively prohibited).',
  to_host:
    'What a space may ask of this host; no redirects, which would change its routes. By itself echo and its resolver, everything with `--host all`, nothing with `--host none`. Answers always.',
  forward:
    'Packets that pass through this host. Those of spaces go to chains of their own; of the others only those are dropped that would pass between links which this host did not route between before natspace turned forwarding on.',
  outward:
    'Packets that go on from a space. What connection tracking does not know would leave with its inside address; segments are made to fit the route; the direction that began is held to the policy of the space.',
  leaving:
    'The policy of a space: where it may begin a connection to. Each packet in that direction is looked at, so that a policy that changes holds for what is under way (metadata services are asked for when a connection begins). A return is a yes; a test that cannot be made is a no.',
  to_metadata:
    "The metadata services of clouds, which hand out credentials, are for spaces with `--metadata` only, but for port 53: some clouds have their resolver at the same address, and a space's names shall resolve.",
  to_space:
    'Packets that reach a space by way of this host: answers, what came through a published port, what a space that may connect to it begins, what containers of its own network begin, and what comes from networks that it accepts.',
  output: 'Published ports as this host itself asks for them.',
  redirects:
    'A host that sees a packet leave by the cable it came from would tell the space of a better way, which there is not.',
  postrouting:
    'Whose source is translated. What stays between spaces is not, but for a space that reaches itself through a published port, and for those that can answer nobody but their host. Whoever reaches a published port on a cable of others over the link that it is on would be answered past this host, and so would this host itself by 127.0.0.1.',
  translate:
    'The address that a packet leaves with: its own where the destination knows the way to it, a chosen one, or that of the link. Ports are taken at random from those that the host gives its own programs; ICMP keeps its identifier where it can.',
  claims: 'First packets of connections that leave a space, after their translation.',
  claimed_ports:
    'A translation that took a port which answers for somebody else is given up (CVE-2021-3773); the next attempt of the program gets another.',
}

/** Sets and maps by name: what it means to be an element. */
export const setsAbout: Readonly<Record<string, string>> = {
  spaces: 'The host ends of all cables.',
  source4: 'Which IPv4 address may come out of which cable.',
  source6: 'Which IPv6 address may come out of which cable.',
  inside4: 'The IPv4 addresses of all spaces and of their gateways, which are for the cable alone.',
  inside6: 'The same of IPv6.',
  free: 'Cables of spaces that may go anywhere outside, by any link.',
  internal: 'Cables of spaces without a way outside.',
  connected: 'Which space, by its cable, may begin connections to which other.',
  siblings:
    'From which group of cables, that of a network of containers, connections may begin into which cable.',
  accepted4: 'From which networks outside connections may begin to which inside address.',
  accepted6: 'The same for IPv6.',
  pinned: 'Cables of spaces that are let out by chosen links only.',
  via: 'Those links.',
  limited: 'Cables of spaces that reach only what is listed.',
  egress4: 'That list for IPv4: address, protocol, and port.',
  egress6: 'That list for IPv6.',
  rejected: 'The same cables as in `limited`; each element counts what was refused.',
  metadata: 'Cables of spaces that may ask the metadata service of the cloud.',
  metadata4:
    'Where clouds answer questions about the machine: the link-local range, which no router should forward anyway (RFC 3927, section 2.7), and what providers took beside it. Always there.',
  metadata6: 'The same for IPv6. Always there.',
  host_all: 'Cables of spaces that may ask everything of this host.',
  host_none: 'Cables of spaces that may ask nothing of it.',
  preexisting4:
    'Links that were there before natspace turned the forwarding of IPv4 on: they are not routed between.',
  preexisting6: 'The same for IPv6.',
  forwarding4: 'Those of them that forwarded already, by a switch of their own: what comes in there goes on.',
  forwarding6: 'The same for IPv6.',
  bridges:
    'Bridges among them, each with itself: where the firewall sees bridged frames (br_netfilter), handing them through is no routing.',
  outbound4: 'IPv4 addresses that are translated when they leave.',
  outbound6: 'IPv6 addresses that are translated when they leave.',
  untranslated4: 'Which inside address stays as it is for which destinations outside.',
  untranslated6: 'The same for IPv6.',
  snat4: 'Into which address of this host, where one was chosen.',
  snat6: 'The same for IPv6.',
  behind4:
    "IPv4 addresses that ports are published for, and whose cable is not natspace's (a container runtime has had another plugin make it), each with the link of this host that leads there.",
  behind6: 'The same of IPv6.',
  hairpin: 'Cables whose space may come back to itself through a published port.',
  claimed: 'Ports that are published on every address: no translation may choose them as a source.',
  claimed4: 'Ports that are published on one IPv4 address.',
  claimed6: 'Ports that are published on one IPv6 address.',
  listened: 'Ports that programs of this host listened on when a space was last new.',
  publish4: 'Single ports, published on every IPv4 address: where they lead.',
  publish4_at: 'Single ports of one IPv4 address.',
  publish4_range: 'Ranges that keep their numbers, on every IPv4 address.',
  publish4_range_at: 'Ranges that keep their numbers, of one IPv4 address.',
  publish6: 'Single ports, published on every IPv6 address.',
  publish6_at: 'Single ports of one IPv6 address.',
  publish6_range: 'Ranges that keep their numbers, on every IPv6 address.',
  publish6_range_at: 'Ranges that keep their numbers, of one IPv6 address.',
}
