/** struct sockaddr_ll (linux/if_packet.h): family, protocol, interface index, hardware type, packet type, hardware address. */

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

export const AF_PACKET = 17
export const linkAddressSize = 20
/** ETH_P_ALL: packets of every protocol, in both directions. */
const ETH_P_ALL = 3
const PACKET_OUTGOING = 4

/** ARPHRD_ETHER and ARPHRD_LOOPBACK begin with an Ethernet header; ARPHRD_NONE and the tunnels with that of IP. */
const ethernetTypes: readonly number[] = [1, 772]
const ipTypes: readonly number[] = [65_534, 768, 769, 776, 778]

/** For whom a packet was (`pkttype`): this host, all, a group, or somebody else on the same cable. */
export type Audience = 'host' | 'broadcast' | 'multicast' | 'other'
const audiences: readonly Audience[] = ['host', 'broadcast', 'multicast', 'other']

/** The structure that bind(2) takes to receive from one interface. */
export const encodeLinkAddress = (interfaceIndex: number): Uint8Array => {
  const view = new DataView(new ArrayBuffer(linkAddressSize))
  view.setUint16(0, AF_PACKET, littleEndian)
  view.setUint16(2, ETH_P_ALL)
  view.setInt32(4, interfaceIndex, littleEndian)
  return new Uint8Array(view.buffer)
}

/** What packets of the interface begin with; undefined where this library does not know. */
export const linkTypeOf = (view: DataView): 'ethernet' | 'ip' | undefined => {
  const type = hardwareType(view)
  return ethernetTypes.includes(type) ? 'ethernet' : ipTypes.includes(type) ? 'ip' : undefined
}

/** ARPHRD_* of the interface (linux/if_arp.h). */
export const hardwareType = (view: DataView): number => view.getUint16(8, littleEndian)

/** Which way a packet went, and for whom it was, by the structure at a place; of one that this host sent only its way is known. */
export const directionOf = (view: DataView, at = 0): { direction: 'in' | 'out'; audience?: Audience } => {
  const type = view.getUint8(at + 10)
  if (type === PACKET_OUTGOING) return { direction: 'out' }
  const audience = audiences[type]
  return audience === undefined ? { direction: 'in' } : { direction: 'in', audience }
}
