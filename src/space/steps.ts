/**
 * The steps by which a namespace gets its network, in the order a person would take them: what each is for and what
 * goes wrong without it. Every resource belongs to one; `plan` and `explain` take their texts from here.
 */
export type StepName =
  | 'record'
  | 'namespace'
  | 'cable'
  | 'plug'
  | 'host-address'
  | 'inner-address'
  | 'default-route'
  | 'forwarding'
  | 'masquerade'
  | 'forward'
  | 'publish'
  | 'guard'

/** One thing that natspace does for a space, with the words that the lab and `explain` tell of it. */
export type Step = {
  name: StepName
  /** The number in the classical nine steps; undefined for what natspace adds. */
  number: number | undefined
  title: string
  why: string
  /** What is seen when it is left out. */
  without: string
}

/** All steps; the numbered ones in order, then what natspace adds to them. */
export const steps: readonly Step[] = [
  {
    name: 'namespace',
    number: 1,
    title: 'create the namespace',
    why: 'A network namespace is like another computer: interfaces, routes, firewall and sockets of its own.',
    without: 'There is nothing to connect.',
  },
  {
    name: 'cable',
    number: 2,
    title: 'create the cable',
    why: 'A veth pair is a network cable with two ends: what goes in at one comes out at the other.',
    without: 'The namespace has no interface but its loopback.',
  },
  {
    name: 'plug',
    number: 3,
    title: 'plug one end into the namespace',
    why: 'One end stays on the host, the other belongs to the namespace; natspace creates it there at once.',
    without: 'Both ends are on the host, and the namespace still has no interface.',
  },
  {
    name: 'host-address',
    number: 4,
    title: 'address the host end',
    why: 'The host end is the gateway of the namespace; the kernel adds the route to its subnet by itself.',
    without: 'The host has no route to the namespace, and the namespace has no gateway.',
  },
  {
    name: 'inner-address',
    number: 5,
    title: 'address the inner end',
    why: 'An address in the same subnet lets both ends find each other (ARP) without a router.',
    without: 'The namespace cannot send anything: it has no source address.',
  },
  {
    name: 'default-route',
    number: 6,
    title: 'make the host end the default route',
    why: 'All that is not in the own subnet goes to the host end, as the only cable leads there.',
    without: 'Sending fails at once with "Network is unreachable".',
  },
  {
    name: 'forwarding',
    number: 7,
    title: 'let the kernel forward',
    why: 'A packet from the namespace to another host passes through this host, which a Linux host refuses by default.',
    without: 'The host drops what comes from the namespace for others; nothing leaves by the uplink.',
  },
  {
    name: 'masquerade',
    number: 8,
    title: 'translate the source address (SNAT)',
    why: 'Outside nobody knows the inside address: the packet leaves with the address of this host, and connection tracking reverses that for every reply.',
    without:
      'The request reaches the other host with its inside address, and the answer is sent to an address that nobody there can route to.',
  },
  {
    name: 'forward',
    number: 9,
    title: 'accept the traffic in the FORWARD chain',
    why: 'Where a firewall drops forwarded packets by policy, those of the namespace need a rule that accepts them, in both directions.',
    without: 'The firewall of the host drops the packet although everything else is right.',
  },
  {
    name: 'publish',
    number: undefined,
    title: 'publish a port (DNAT)',
    why: 'A new connection that begins outside has no translation to be remembered: a rule must say where it goes.',
    without: 'The port of the host answers nothing, or something else.',
  },
  {
    name: 'guard',
    number: undefined,
    title: 'guard the space and the host',
    why: 'The inside address is reachable by published ports only; a space can use no address but its own, and reaches other spaces, this host and the outside as far as its policy says.',
    without:
      'A neighbour on the LAN could route straight into the space, and a space could pretend to be another, or ask this host for what only its own programs should get.',
  },
  {
    name: 'record',
    number: undefined,
    title: 'note what was asked for',
    why: 'So that status can show what differs, and down takes away exactly what up made.',
    without: 'Nothing could be compared or undone.',
  },
]

const byName = new Map(steps.map(step => [step.name, step]))

/** The step of that name. */
export const stepOf = (name: StepName): Step => byName.get(name) as Step
