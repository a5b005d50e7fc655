import { formatPrefix, networkOf, parsePrefix } from '../linux/net/prefix.ts'

/** The canonical form of a network; undefined for what is none, or has bits of a host: somebody means something else. */
export const networkIn = (text: string): string | undefined => {
  const prefix = parsePrefix(text)
  const network = networkOf(text)
  return prefix !== undefined && network === formatPrefix(prefix) ? network : undefined
}
