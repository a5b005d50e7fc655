/** What an error of ICMP says (RFC 792, RFC 1122, RFC 1812; RFC 4443), for people. */

const unreachable4: Record<number, string> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
  5: 'source route failed',
  6: 'network unknown',
  7: 'host unknown',
  9: 'network administratively prohibited',
  10: 'host administratively prohibited',
  13: 'administratively prohibited',
}

const unreachable6: Record<number, string> = {
  0: 'no route',
  1: 'administratively prohibited',
  2: 'beyond the scope of the source',
  3: 'address unreachable',
  4: 'port unreachable',
  5: 'the source is against a policy',
  6: 'a route that rejects',
}

const others: Record<4 | 6, Record<number, string>> = {
  4: { 11: 'time to live exceeded', 12: 'parameter problem' },
  6: { 2: 'packet too big', 3: 'hop limit exceeded', 4: 'parameter problem' },
}

/** `port unreachable`, of a type and a code; the numbers for what is not known. */
export const icmpErrorWords = (family: 4 | 6, type: number, code: number): string => {
  const unreachable = family === 4 ? unreachable4 : unreachable6
  const words = type === (family === 4 ? 3 : 1) ? unreachable[code] : others[family][type]
  return words ?? `ICMP type ${type} code ${code}`
}
