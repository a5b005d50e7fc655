/** Ports of TCP, UDP and SCTP. Port 0 is reserved (RFC 6335 section 6) and never names a service. */

/** Ports from `first` to `last`, both included. */
export type PortRange = { first: number; last: number }

/** A port of 1..65535 in decimal without leading zeros, or undefined. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port > 65535 ? undefined : port
}

/** `80` or `9000-9010`, or undefined; a reversed range is undefined too. */
export function parsePortRange(text: string): PortRange | undefined {
  const dash = text.indexOf('-')
  const first = parsePort(dash < 0 ? text : text.slice(0, dash))
  const last = dash < 0 ? first : parsePort(text.slice(dash + 1))
  return first === undefined || last === undefined || last < first ? undefined : { first, last }
}

/** The shortest text of a range: `80` for one port. The inverse of `parsePortRange`. */
export function formatPortRange(range: PortRange): string {
  return range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`
}

/** How many ports the range holds. */
export function portCount(range: PortRange): number {
  return range.last - range.first + 1
}

/** Whether two ranges share a port. */
export function portsOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last
}
