/** The rules of the reference experiment's space, as those of another one: what crowd.ts multiplies. */
import { addressesOf, firstPort } from './many.ts'

/** A line of iptables-save with names and addresses of the space of this number. Pure. */
export type Rename = (line: string, number: number) => string

/** All that belongs to the space: network, address, port, names, and chains that are named by a digest. */
export const renamed: Rename = (line, number) => {
  const { network, inner } = addressesOf(number)
  return line
    .replaceAll('192.168.45.0/24', network)
    .replaceAll(/192\.168\.45\.3\b/g, inner)
    .replaceAll(/\b8080\b/g, String(firstPort + number))
    .replaceAll(/\b(?:veth1|myspace)\b/g, `m${number}`)
    .replaceAll(
      /\b(CNI-(?:[A-Z]+-)?[0-9a-f]{15})[0-9a-f]+/g,
      (_, start: string) => `${start}${number.toString(16).padStart(6, '0')}`,
    )
}

/** Where all containers of one network share its subnet and its chain: only address and port are the container's. */
export const renamedInOneNetwork: Rename = (line, number) =>
  /192\.168\.45\.3\b|\b8080\b/.test(line)
    ? renamed(line.replaceAll('192.168.45.0/24', '10.250.0.0/16'), number)
    : line
