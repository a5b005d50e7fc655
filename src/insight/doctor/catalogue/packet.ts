import { fault } from './entry.ts'

const below = ['ENV-', 'NS-', 'LNK-', 'ADR-', 'RT-', 'SYS-', 'UP-NONE']

/** What is led the wrong way comes to rules that are not meant for it. */
const astray = ['RT-', 'LNK-', 'ADR-NONE']

/** Firewalls, translation, connection tracking. */
export const packetFaults = {
  'FW-DOCKER': fault(
    'error',
    "Docker's FORWARD chain drops it",
    'Docker sets the policy of FORWARD to DROP, for everybody.',
    'Accept the cable in DOCKER-USER, as natspace up --fix-firewall does.',
    'the policy or a rule of ip filter FORWARD drops it, and Docker has chains there',
    astray,
  ),
  'FW-UFW-FWD': fault(
    'error',
    'ufw drops what is forwarded',
    'ufw forwards nothing unless it is told to.',
    'ufw route allow, as natspace up --fix-firewall does.',
    'a chain of ufw drops it at the hook forward',
    astray,
  ),
  'FW-UFW-IN': fault(
    'error',
    'ufw drops what the namespace asks of its host',
    'Questions to the gateway, such as those for names, are for the host itself, where ufw drops by default.',
    'Allow the port for the link of the namespace.',
    'a chain of ufw drops it at the hook input',
  ),
  'FW-FWD-ZONE': fault(
    'error',
    'firewalld refuses what is forwarded',
    'The link is in no zone that forwards, or in none at all.',
    'Bind the link to a zone that forwards, as natspace up --fix-firewall does.',
    'a chain of firewalld refuses it at the hook forward',
    astray,
  ),
  'FW-FWD-STRICT': fault(
    'error',
    'firewalld forwards only to ports that it was told of',
    'With StrictForwardPorts=yes firewalld refuses ports that others have published.',
    'Tell firewalld of the port.',
    'a chain of firewalld refuses a packet whose destination was translated, and StrictForwardPorts=yes',
  ),
  'FW-RELOADING': fault(
    'warning',
    'firewalld is being loaded anew',
    'For that moment everything is dropped.',
    'Wait, and try again.',
    'the table firewalld_policy_drop is there',
  ),
  'FW-RAWDROP': fault(
    'error',
    'Docker refuses direct access to its containers',
    'Since Docker 28 a raw rule drops what is addressed to a container from another link than its bridge.',
    'Use a published port.',
    'a rule of Docker in the chain raw PREROUTING drops it',
  ),
  'FW-KILLSWITCH': fault(
    'error',
    'The kill switch of a VPN drops it',
    'A VPN client drops what does not leave by its tunnel.',
    'Allow the network of the namespace in the VPN client.',
    'a rule of the VPN drops it',
    astray,
  ),
  'FW-LEGACY': fault(
    'error',
    'Rules of iptables-legacy drop it, unseen',
    'They act beside those of nftables, and no tracer of nftables shows them.',
    'Look at iptables-legacy -L -v -n; remove the rules, or accept the cable there.',
    '/proc/net/ip_tables_names is not empty; the table of iptables-legacy drops such a packet, or it vanished at a hook without an event',
  ),
  'FW-PRIO': fault(
    'error',
    'A later chain drops what ours accepted',
    'An accept ends only its own chain: a drop in any other table wins.',
    'Accept it where it is dropped.',
    'a chain of natspace accepted it, and a chain of somebody else drops it at the same hook',
    ['FW-DOCKER', 'FW-UFW-FWD', 'FW-FWD-ZONE', 'FW-FWD-STRICT', 'FW-KILLSWITCH', ...astray],
  ),
  'FW-DROP': fault(
    'error',
    'A firewall rule stops it',
    'The rule or policy that is named decided so.',
    'Accept the packet in front of that rule, or remove the rule.',
    'the verdict of the rule, by the trace of the kernel',
    ['FW-PRIO', ...astray],
  ),
  'FW-GONE': fault(
    'error',
    'The table of natspace is gone',
    'Somebody flushed the ruleset: nothing is translated, and nothing guards the space.',
    'natspace gc or up puts it back; natspace watch does it by itself.',
    'no table inet natspace',
  ),
  'NAT-NONE': fault(
    'error',
    'The source address is not translated',
    'The packet leaves with its inside address, to which nobody outside knows a way back: no answer can come.',
    'Translate the source (masquerade) of what leaves by the uplink.',
    'no nat chain of postrouting translates it; the connection expects answers at the inside address',
    ['FW-GONE', 'NAT-OIF', 'NAT-SHADOWED', 'UP-CHANGED', ...below],
  ),
  'NAT-OIF': fault(
    'error',
    'The translation is bound to another link',
    'The rule names a link by which this packet does not leave.',
    'Let the rule name the uplink that is used, or none.',
    'a rule that translates the source of the network asks for another link',
    ['UP-CHANGED'],
  ),
  'NAT-SHADOWED': fault(
    'error',
    'Another chain translated it first',
    'Of all nat chains at a hook the first that translates decides.',
    'Remove the other rule, or have it leave out the network of the namespace.',
    'a rule of somebody else translates it, and not to an address of the uplink',
  ),
  'CT-FULL': fault(
    'error',
    'The table of connections is full',
    'A packet of a new connection that finds no room is dropped.',
    'Raise net.netfilter.nf_conntrack_max, or shorten timeouts.',
    'nf_conntrack_count reaches nf_conntrack_max',
  ),
} as const
