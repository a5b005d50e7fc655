import { struct } from '../netlink/composite.ts'
import { type Request, request } from '../netlink/connection.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { i32, ip, linkAddress, u8, u16, u32 } from '../netlink/scalars.ts'
import { familyNumber, RTM } from './types.ts'

/** RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH. struct ndmsg, linux/neighbour.h. Equivalent to: `ip neighbour …` */
export const neighbourMessage = message(
  'struct ndmsg',
  struct({ family: u8, pad1: u8, pad2: u16, index: i32, state: u16, flags: u8, type: u8 }),
  {
    destination: [1, ip, 'NDA_DST'],
    linkAddress: [2, linkAddress, 'NDA_LLADDR'],
    /** Times in clock ticks of USER_HZ (1/100 s). */
    cacheInfo: [3, struct({ confirmed: u32, used: u32, updated: u32, references: u32 }), 'NDA_CACHEINFO'],
    probes: [4, u32, 'NDA_PROBES'],
  } as const,
)
export type NeighbourMessage = MessageOf<typeof neighbourMessage>

/** NUD_*. */
export const neighbourState = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const

/** One entry of the neighbour table (ARP, NDP). */
export type Neighbour = {
  index: number
  family: 4 | 6
  address: string
  linkAddress: string | undefined
  state: number
}

/** A neighbour from its message. */
export const toNeighbour = ({ header, attributes }: NeighbourMessage): Neighbour => ({
  index: header.index,
  family: header.family === familyNumber(4) ? 4 : 6,
  address: attributes.destination ?? '',
  linkAddress: attributes.linkAddress,
  state: header.state,
})

/** All neighbours. Equivalent to: `ip neighbour show` */
export const listNeighbours = (): Request =>
  request('RTM_GETNEIGH', RTM.getNeighbour, 0, neighbourMessage, {
    header: { family: 0, pad1: 0, pad2: 0, index: 0, state: 0, flags: 0, type: 0 },
    attributes: {},
  })

/** An entry that holds until somebody changes it. */
export type NeighbourChange = { index: number; family: 4 | 6; address: string; linkAddress: string }

const change = (
  name: string,
  type: number,
  flags: number,
  { index, family, address, linkAddress: lladdr }: NeighbourChange,
): Request =>
  request(name, type, flags, neighbourMessage, {
    header: {
      family: familyNumber(family),
      pad1: 0,
      pad2: 0,
      index,
      state: neighbourState.permanent,
      flags: 0,
      type: 0,
    },
    attributes: { destination: address, linkAddress: lladdr },
  })

/** Sets an entry for good. Equivalent to: `ip neighbour replace ADDRESS lladdr LLADDR dev NAME nud permanent` */
export const replaceNeighbour = (entry: NeighbourChange): Request =>
  change('RTM_NEWNEIGH', RTM.newNeighbour, NLM_F.create | NLM_F.replace, entry)

/** Deletes an entry. Equivalent to: `ip neighbour delete ADDRESS dev NAME` */
export const deleteNeighbour = (entry: NeighbourChange): Request =>
  change('RTM_DELNEIGH', RTM.deleteNeighbour, 0, entry)
