import { fault } from './entry.ts'

const below = ['ENV-', 'NS-', 'LNK-', 'ADR-', 'NGH-', 'RT-', 'SYS-', 'UP-', 'FW-', 'NAT-', 'CT-']

/** Published ports, sizes, names. */
export const serviceFaults = {
  'PUB-NOLISTEN': fault(
    'error',
    'Nobody listens at the port in the namespace',
    'The packet arrives and is refused by the kernel itself.',
    'Start the program, or publish the port at which it listens.',
    'no listener at the port (inet_diag)',
    ['ENV-', 'NS-', 'PUB-LISTENLO'],
  ),
  'PUB-LISTENLO': fault(
    'error',
    'The program listens on the loopback of the namespace only',
    'What comes from outside is addressed to the address of the cable.',
    'Have it listen on 0.0.0.0 (or ::).',
    'the listener at the port is bound to 127.0.0.1 or ::1',
  ),
  'PUB-NONE': fault(
    'error',
    'The port is not published',
    'Nothing leads connections to that port into the namespace.',
    'natspace publish, or a DNAT rule.',
    'no nat chain of prerouting translates a packet to that port',
    ['FW-GONE'],
  ),
  'PUB-STOLEN': fault(
    'error',
    'Somebody else publishes the port',
    'Of all nat chains the first that translates decides, and it leads elsewhere.',
    'Choose another port.',
    'the translation of prerouting leads to another address',
  ),
  'PUB-INUSE': fault(
    'warning',
    'A program of the host listens at the published port',
    'The translation comes first: the program of the host gets nothing any more.',
    'Choose another port.',
    'a listener of the host at the port (inet_diag)',
  ),
  'PUB-HOSTIP': fault(
    'error',
    'The address on which the port is published is gone',
    'The host does not have that address any more.',
    'Publish the port on an address that the host has.',
    'the address is not on any link of the host',
  ),
  'PUB-LOCALHOST': fault(
    'error',
    'The port cannot be reached by 127.0.0.1',
    'The kernel drops what leaves the loopback for a cable, unless route_localnet of the cable is on.',
    'Use the address of the host; or publish on 127.0.0.1 with natspace.',
    'route_localnet of the cable is 0',
  ),
  'MTU-EGRESS': fault(
    'warning',
    'The cable carries larger packets than the way out',
    'Small packets pass and large ones are lost or split, where whoever has to say so is not heard.',
    'Lower the MTU of the cable to that of the uplink.',
    'MTU of the inner link above that of the route',
  ),
  'MTU-INGRESS': fault(
    'warning',
    'The cable carries smaller packets than the way in',
    'The host must split what comes, or refuse it.',
    'Make both ends of the cable equal.',
    'MTU of the host end below that of the inner end',
  ),
  'DNS-STUB': fault(
    'error',
    'The resolver is one of the host alone',
    'An address such as 127.0.0.53 is that of the namespace itself there, where nobody listens.',
    'Name a resolver that can be reached from inside; natspace exec does so by itself.',
    'a nameserver of the loopback, and no listener at port 53 inside',
    below,
  ),
  'DNS-NOBIND': fault(
    'warning',
    'The resolv.conf of the namespace is not honoured',
    '/etc/netns/NAME/resolv.conf is seen only by what `ip netns exec` starts.',
    'Start programs by ip netns exec or natspace exec, or bind the file in the unit.',
    'the file exists, and processes of the namespace do not have it mounted',
  ),
  'DNS-UPSTREAM': fault(
    'error',
    'The resolver does not answer from inside',
    'Names cannot be looked up, though packets pass.',
    'Name another resolver (--dns).',
    'a question to the resolver from inside the namespace gets no answer',
    below,
  ),
} as const
