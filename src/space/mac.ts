/**
 * The link-layer addresses of a cable: a function of the space's name and the end, so that a space that comes up again
 * is found in its neighbours' tables (no seconds of loss on a stale entry), and so that udev, which replaces random
 * addresses, leaves them alone. Locally administered, unicast (IEEE 802).
 */
export const macOf = (space: string, end: 'host' | 'inner'): string => {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(`${end} ${space}`))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  const digits = (hash & 0xffffffffffn).toString(16).padStart(10, '0')
  return `02:${digits.match(/../g)?.join(':')}`
}
