/**
 * Names of network interfaces. The kernel takes almost any bytes, so a name that was read is data to be escaped
 * wherever it is shown; the names that we create keep to a set that needs no quoting in a shell, in nft or in iptables.
 */

/** IFNAMSIZ of linux/if.h without its terminating zero. */
export const MAX_INTERFACE_NAME = 15

/** The names that we create, as a pattern for schemas. No leading dash: ip(8) would read it as an option. */
export const INTERFACE_NAME_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}$/

const encoder = new TextEncoder()

/**
 * The kernel's own rule, dev_valid_name() of net/core/dev.c: 1 to 15 bytes, not `.` or `..`, no slash, colon or
 * white space. White space is what the kernel's ctype table says, which counts byte 0xa0 and knows nothing of UTF-8.
 */
export function isKernelInterfaceName(name: string): boolean {
  const bytes = encoder.encode(name)
  if (bytes.length === 0 || bytes.length > MAX_INTERFACE_NAME || name === '.' || name === '..') return false
  return bytes.every(byte => !(byte === 0 || byte === 0x2f || byte === 0x3a || isKernelSpace(byte)))
}

const isKernelSpace = (byte: number): boolean => (byte >= 9 && byte <= 13) || byte === 0x20 || byte === 0xa0

/**
 * Whether we would create an interface of this name: letters, digits, `_`, `.` and `-`. `lo` exists in each namespace,
 * and `all` and `default` would be mistaken for the folders of that name under /proc/sys/net/ipv4/conf.
 */
export function isCreatableInterfaceName(name: string): boolean {
  return INTERFACE_NAME_PATTERN.test(name) && name !== 'lo' && name !== 'all' && name !== 'default'
}
