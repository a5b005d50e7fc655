/**
 * Every code that an error or a warning of the engine can have, for whoever meets one and asks what it means:
 * `natspace explain CODE`. A test keeps the list complete.
 */

export type CodeText = {
  /** What happened, in one line. */
  title: string
  /** When it happens, and why natspace stops there. */
  meaning: string
  /** What to do about it. */
  remedy: string
}

const code = (title: string, meaning: string, remedy: string): CodeText => ({ title, meaning, remedy })

export const spaceCodes: Readonly<Record<string, CodeText>> = {
  ADDRESS_IS_GATEWAY: code(
    'The space and its gateway have one address',
    'The inner end and the host end of a cable are two ends, and need two addresses of one subnet.',
    'Give one of them another address, or leave out --address.',
  ),
  ADDRESS_OUTSIDE_GATEWAY_NETWORK: code(
    'The address is in another subnet than the gateway',
    'Both ends of the cable must be in one subnet: otherwise the space cannot find its gateway (ARP).',
    'Choose an address in the subnet of --gateway, or leave out --address.',
  ),
  ADOPT_ADDRESS: code(
    'The namespace has more addresses than a space may have',
    'A space has one IPv4 address, and what is sent from another one is dropped: taking the namespace over would cut those off.',
    'Take the others away, or keep the namespace as it is.',
  ),
  ADOPT_GUARD: code(
    'What reaches the namespace becomes less',
    'By hand nothing keeps a host with a route to the subnet from reaching every port of the namespace, nor the namespace from sending with an address of somebody else. natspace does.',
    'Publish what must be reached: natspace publish NAME SPEC.',
  ),
  ADOPT_IPV6: code(
    'The namespace has IPv6 addresses of its own',
    'natspace chooses the IPv6 addresses of a space itself, so it cannot take over others.',
    'Take them away first. natspace up NAME --ipv6 on gives the space IPv6 afterwards.',
  ),
  ADOPT_MTU: code(
    'The ends of the cable have different MTUs',
    'Both ends of a cable of natspace have the same.',
    'natspace up NAME --mtu N sets another one for both.',
  ),
  ADOPT_PORT: code(
    'A port leads inside in a way that a spec cannot say',
    'A published port leads from the address of this host, or from one of its addresses, to one port inside, whoever asks. Rules that say something else are not taken over; they stay, and go on working.',
    'Look at the rules in the message. natspace adopt does not list them among those that are superfluous.',
  ),
  ADOPT_REACH: code(
    'The namespace goes on reaching this host',
    'A namespace that was connected by hand reaches every program of this host that listens on its addresses, and the metadata service of a cloud. natspace adopt keeps that, as somebody may count on it.',
    'Bring it up again without host and metadata in its spec, if nobody does.',
  ),
  ADOPT_ROUTE: code(
    'The namespace has more than one default route',
    'natspace manages the first, by its own cable.',
    'Nothing, if the others are wanted.',
  ),
  ADOPT_TRANSLATION: code(
    'What the namespace sends is translated in a way that a spec cannot say',
    'A space leaves by one uplink or by any, with the address that the route has or with one that is given.',
    'The message says what was found, and what natspace makes of it.',
  ),
  ALREADY_MANAGED: code(
    'natspace manages the namespace already',
    'Its cable bears the mark of natspace.',
    'natspace status NAME shows it. If its record is lost, natspace up NAME with the same options brings it back.',
  ),
  AMBIGUOUS_PORT: code(
    'Several published ports are meant',
    'What natspace unpublish leaves out may be anything, but one published port alone must be meant; here it is published on several addresses of this host.',
    'Write which of them, with its address: natspace unpublish NAME 127.0.0.1:8080.',
  ),
  APPLY_FAILED: code(
    'The kernel refused a change',
    'One operation failed; all operations before it were undone, so that everything is as it was.',
    'The reason and the refused operation stand in the message. natspace plan shows all operations.',
  ),
  BAD_ADDRESS: code(
    'This cannot be the address of a space',
    'It is no IPv4 address, or one with a special meaning: a network, broadcast, loopback or multicast address.',
    'Write an ordinary address, such as 192.168.45.3.',
  ),
  BAD_CONNECT: code(
    'The space cannot be connected to that',
    'Spaces are kept apart from each other; --connect names another one that this one may open connections to.',
    'Name another space.',
  ),
  BAD_DNS: code(
    'This cannot be a resolver',
    'A resolver is given by its IP address.',
    'Write an address, such as 192.0.2.53.',
  ),
  BAD_EGRESS: code(
    'This is no destination',
    'An egress list names what a space may reach outside: an address, a prefix or any, a port or a range of them, and a protocol. Everything else is refused.',
    'Write DEST[:PORT[-END]][/tcp|udp|sctp|icmp], such as 10.0.0.0/8, 1.1.1.1:53/udp or [2001:db8::/32]:443/tcp.',
  ),
  BAD_FILE: code(
    'The spec file cannot be read',
    'It is not YAML or JSON, or has no spaces in it. The message tells line and column.',
    'Correct the file; docs/spec.schema.json says what may stand in it.',
  ),
  BAD_GATEWAY: code(
    'This cannot be a gateway',
    'The gateway is the address of the host end, with the length of the subnet that both ends share.',
    'Write an address and a length, such as 192.168.45.2/24.',
  ),
  BAD_HOST_ACCESS: code(
    'This is no access to the host',
    'A space reaches nothing of this host (none), its resolver and ping (dns, the default), or all that listens on its addresses but the loopback (all).',
    'Write none, dns or all.',
  ),
  BAD_INTERFACE_NAME: code(
    'This cannot be the name of an interface',
    'A name has at most 15 bytes; natspace creates names of letters, digits, _, . and - only.',
    'Choose a name such as veth1, or leave the option out.',
  ),
  BAD_IPV6: code(
    'This does not say whether the space has IPv6',
    'auto gives a space IPv6 where this host has it beyond link-local addresses; on and off decide it.',
    'Write auto, on or off.',
  ),
  BAD_MTU: code(
    'This cannot be an MTU',
    'The MTU is the size of the largest packet in bytes, from 68 to 65535.',
    'Write 1500, or what the path outside carries, or leave it out.',
  ),
  BAD_NAME: code(
    'This cannot be the name of a space',
    'The name becomes a file name below /run/netns: it begins with a letter or digit, has only letters, digits, _, . and - in it, and at most 128 of them.',
    'Choose a name such as web or db-2.',
  ),
  BAD_PORT: code(
    'This is not a port, nor a range of ports',
    'Ports are numbers from 1 to 65535; a range has the lower one first.',
    'Write 8080:80, or 9000-9010.',
  ),
  BAD_PUBLISH: code(
    'This does not say which port to publish',
    'The form is [HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp]: the side of the host first, then the inside.',
    'Write 8080:80, 127.0.0.1:5353:53/udp, or 9000-9010.',
  ),
  BAD_RATE: code(
    'This cannot be a rate',
    'A rate is a number and a unit as tc(8) has them, from 8kbit to 100gbit: kbit, mbit and gbit are bits per second; kbps, mbps and gbps are bytes per second. A number without a unit is refused, as it may mean bits or megabits.',
    'Write a rate such as 10mbit, 1.5gbit or 500kbit.',
  ),
  BAD_TYPE: code(
    'A value in the spec file has the wrong form',
    'It is, for example, a list where a text must be.',
    'The message tells the place and what must stand there.',
  ),
  BAD_SOURCE: code(
    'A space cannot leave with this address',
    'Packets of a space leave with an address of this host. It must be on one of its links, one of each family at most, and of a family that the space has.',
    'Name an address of this host, or leave it out: then the route chooses.',
  ),
  BAD_UPLINK: code(
    'This cannot be the uplink',
    'The uplink is another link than the cable, and no port of a bridge or bond: packets leave by the whole. A space that has no way out has none.',
    'Name the link that leads outside (ip -br link), or leave it out.',
  ),
  CONFLICTING_VALUES: code(
    'Two values contradict each other',
    'An internal space has no way outside, so nothing can be said about that way.',
    'Leave one of them out.',
  ),
  DEFAULT_ROUTE_TAKEN: code(
    'The namespace has another default route',
    'natspace attaches to a namespace that was there before, but never replaces a route that it did not make.',
    'Take that route away, or use --internal for a cable without a default route.',
  ),
  DUPLICATE_NAME: code(
    'A name stands twice in the spec file',
    'Only one of the two could count.',
    'Remove or rename one of them.',
  ),
  DUPLICATE_PORT: code(
    'A port of the host is asked for twice',
    'One port leads to one place: protocol, port and address of the host are the same, or one of them is for every address.',
    'Choose another port of the host, or publish each on another address of the host.',
  ),
  FILE_TAKEN: code(
    'A file of the system is in the way',
    'natspace enable writes a spec file and units of systemd. One of that name is there already, and its first line does not say that natspace wrote it.',
    'Look at it. A spec file can be used as it is: natspace enable -f FILE; anything else has to be moved away, or --name chooses another name.',
  ),
  FILE_UNSAFE: code(
    'Others than root have a say in what root does',
    'What is started at boot, or by a container runtime, is started as root. A folder or file on the way there is a symbolic link, belongs to another user, or others may write to it.',
    'Look at it, and give it to root alone.',
  ),
  FORWARD_DROP: code(
    'A firewall of somebody else may drop the packets of the space',
    'A forward chain drops what the space sends or receives, by its policy or by a rule, and an accept in the table of natspace cannot beat that. natspace changes nothing of theirs unasked.',
    'natspace up with --fix-firewall has it accepted where the owner of the chain wants that: by rules in DOCKER-USER or FORWARD, by ufw route allow, or by a zone of firewalld; down takes it back. Where that cannot help, the warning says what is in the way.',
  ),
  FORWARDING_OFF: code(
    'Forwarding is off again, and somebody may miss it',
    'natspace had turned forwarding on, and with its last space it puts back what was before. Links that came in between may belong to something, such as a container engine, that found forwarding on and did not turn it on itself.',
    'Turn it on if that is wanted: sysctl -w net.ipv4.ip_forward=1. It holds for all links of this host.',
  ),
  INTERFACE_TAKEN: code(
    'There is a link of that name already',
    'natspace did not make it, so it does not replace it.',
    'Choose another name with --host-interface or --interface, or leave it out.',
  ),
  INTERRUPTED: code(
    'An earlier natspace was interrupted',
    'It was killed, or the machine was too short of memory for it, in the middle of its work. What it had begun stood in its journal, and was taken back or completed before anything else: a space that was not up yet is gone, one that was to change is as it was, one that was to go is gone.',
    'Nothing has to be done. Ask again for what was under way, if it is still wanted.',
  ),
  KERNEL_FEATURE_MISSING: code(
    'This kernel lacks something',
    'A feature that natspace uses was asked of the kernel, in a namespace of its own, and is not there: not built, its module cannot be loaded, or the kernel was upgraded and not yet rebooted. The message names the feature and the option of the kernel that has it.',
    'Reboot if the kernel was upgraded; otherwise use one that has the options in the message.',
  ),
  LOCKED: code(
    'Another natspace is at work',
    'Commands that change something wait for each other; this one waited as long as it may.',
    'Wait for the other, whose process the message names. NATSPACE_LOCK_TIMEOUT sets the patience, in seconds.',
  ),
  NOT_FOUND: code(
    'There is no such space',
    'natspace has no record of it in its state folder.',
    'natspace ls lists the spaces. NATSPACE_STATE must be what it was when the space was made.',
  ),
  NOT_PERMITTED: code(
    'Privilege is missing',
    'Namespaces, links and rules are changed by root alone (CAP_NET_ADMIN and CAP_SYS_ADMIN).',
    'Run it with sudo; or try everything without root: natspace lab shell.',
  ),
  NOT_SETTLED: code(
    'What an interrupted natspace had begun is not in order yet',
    'A space could neither get back what it had nor become what it was to be; the message says what is in the way, such as an uplink that is gone. It stays noted, and every command that changes something tries again.',
    'Remove what is in the way and run natspace gc, or natspace down NAME, which removes what the space was and what it was to be.',
  ),
  NOT_CONNECTED: code(
    'The namespace is not connected by NAT',
    'natspace adopt takes over a namespace whose default route leads by a cable (veth) to this host, which translates what it sends. Something of that is missing.',
    'natspace up NAME connects the namespace anew, beside what it has.',
  ),
  NO_SUCH_PEER: code(
    'There is no space of that name to connect to',
    'A space can be opened for another only when both are known: the rules name both cables.',
    'Bring the other one up first, or write both into one file: natspace up -f FILE.',
  ),
  NO_SUCH_UPLINK: code(
    'The host has no such link',
    'A space that may leave by this link only could not leave at all.',
    'Name one of the links in the message, or leave --uplink out: then the space leaves wherever a route leads.',
  ),
  NOT_PUBLISHED: code(
    'The space does not publish this port',
    'Only what is published can be taken away. A range is published and taken away as a whole.',
    'Write it as the message lists it, or as natspace status shows it.',
  ),
  'NS-STALE': code(
    'What stands in the place of the namespace is none',
    'A plain file at /run/netns/NAME is left where a namespace was unmounted but not removed, or pinned in another mount namespace.',
    'If nothing needs it, remove the file.',
  ),
  OVERLAP: code(
    'The network is in use already',
    'A route, an address or another space has the same addresses: packets would go to one of them only.',
    'Give another network with --gateway, or leave out both: natspace chooses a free one.',
  ),
  POOL_FULL: code(
    'No free network is left',
    'Routes of this host cover all of the networks that natspace chooses from.',
    'Give a network with --gateway A/LEN.',
  ),
  PORT_TAKEN: code(
    'The port is taken: by another space, a program of this host, or another tool that publishes it',
    'One port of the host leads to one place. Published for a second space it could reach one of them only; and a program that listens on it would hear nothing more, as what is published is translated before the programs of the host are asked. Where another tool (Docker, Podman, a firewall) leads it elsewhere by a rule of its own, only the rule that comes first would count.',
    'Choose another port of the host, or take it away from the other space, program or tool, which the message names.',
  ),
  QDISC_TAKEN: code(
    'The cable has a queueing discipline already',
    'The rate of a space is limited by a queueing discipline (tbf) at the root of each end of its cable. Somebody put one of another kind there, and natspace does not take away what it did not make.',
    'Take it away with the command in the message, or leave the rate out.',
  ),
  ROLLBACK_FAILED: code(
    'An operation failed, and not everything could be undone',
    'Something was in the way of the way back; the message lists what is left.',
    'natspace down NAME removes what is left.',
  ),
  SPACE_BROKEN: code(
    'A space is recorded, and its cable is gone',
    'Somebody removed it, or the namespace at its other end. The record says what was asked for, so it is no waste, and natspace gc leaves it.',
    'natspace up with the same options makes the cable anew; natspace down NAME removes the rest.',
  ),
  STATE_UNREADABLE: code(
    'A file of the state folder cannot be read',
    'It was changed by hand, or written by another version of natspace.',
    'Use the natspace that wrote it, or remove the file; then natspace gc removes what it spoke of, and natspace up makes it anew.',
  ),
  STATE_UNSAFE: code(
    'The state folder is not safe',
    'It is a link, belongs to another user, or others may write to it: whoever can write there could make root change any network.',
    'Choose another folder with NATSPACE_STATE, or look at this one and remove it.',
  ),
  STOPPED: code(
    'It was stopped before its end',
    'Ctrl-C, another signal that ends programs, or the program that called natspace stopped it in the middle of many spaces. All that was begun is undone: it is as it was before. down and gc can be stopped only before their first change; from then on they go on to their end.',
    'Ask again for it, if it is still wanted.',
  ),
  SYSTEMCTL_FAILED: code(
    'systemctl failed',
    'The files are written or removed, but systemd could not be told, or a unit could not be started or stopped.',
    'The message has its words. systemctl status natspace@NAME and journalctl -u natspace@NAME tell more.',
  ),
  UNKNOWN_KEY: code(
    'The spec file has a key that means nothing',
    'It may be mistyped, and would silently do nothing.',
    'The message tells the place, and the key that may have been meant.',
  ),
  VERIFY_FAILED: code(
    'Every change succeeded, and yet not everything is as it should be',
    'After its changes natspace reads everything again. Something differed, and all was undone. Usually another program changes the network at the same time.',
    'Try again; the message tells what differed.',
  ),
}
