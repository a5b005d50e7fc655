/**
 * Sysctl keys, as sysctl(8) writes them: dots part the names, and a slash stands for a dot inside a name
 * (`net.ipv4.conf.eth0/100.rp_filter` is the VLAN eth0.100).
 */

const swap = (text: string): string => text.replace(/[./]/g, character => (character === '.' ? '/' : '.'))

/** The file of a sysctl: 'net.ipv4.ip_forward' → '/proc/sys/net/ipv4/ip_forward'. */
export const sysctlPath = (key: string): string => `/proc/sys/${swap(key)}`

/** The key of an interface's sysctl: `interfaceSysctl('ipv4', 'eth0.100', 'rp_filter')`. */
export const interfaceSysctl = (protocol: 'ipv4' | 'ipv6', name: string, leaf: string): string =>
  `net.${protocol}.conf.${name.replaceAll('.', '/')}.${leaf}`

/** A name in a folder of /proc/sys as it stands in a key. */
export const sysctlName = (fileName: string): string => fileName.replaceAll('.', '/')
