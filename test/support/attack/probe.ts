/** One packet that can be told from all others, and whether it gets where it must not. */
import type { Socket } from '../../../src/linux/sys/socket.ts'
import type { Seen } from './frame.ts'
import { patience, type Wire } from './wire.ts'

let count = 0

/** A payload and a source port that no other packet of the run has. */
export const unique = (): { text: string; sourcePort: number } => {
  count++
  return { text: `probe-${count}-`, sourcePort: 10_000 + count }
}

type Send = (payload: string, sourcePort: number) => void

/** Sends, and returns the packet as it comes in by the wire; undefined when it does not within the time. */
export const arrival = (send: Send, at: Wire, milliseconds: number = patience.stays): Seen | undefined => {
  const { text, sourcePort } = unique()
  send(text, sourcePort)
  return at.next(seen => seen.text.includes(text), milliseconds)
}

/** As `arrival`, of what must come: waits longer. */
export const certainArrival = (send: Send, at: Wire): Seen => {
  const seen = arrival(send, at, patience.comes)
  if (seen === undefined) throw new Error('a packet that must arrive did not')
  return seen
}

/** Sends, and returns the address it is heard from at a UDP socket; undefined when it is not. */
export const heard = (send: Send, at: Socket, milliseconds: number = patience.stays): string | undefined => {
  const { text, sourcePort } = unique()
  send(text, sourcePort)
  for (;;) {
    const received = at.receive(milliseconds)
    if (received === undefined) return undefined
    if (new TextDecoder().decode(received.bytes).includes(text)) return received.from?.address
  }
}
