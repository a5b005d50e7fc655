/** Message types of rtnetlink (linux/rtnetlink.h). */
export const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
  getNamespaceId: 90,
} as const

/** The protocol number of the rtnetlink socket. */
export const NETLINK_ROUTE = 0

/** Address families (linux/socket.h). */
export const AF = { unspecified: 0, inet: 2, inet6: 10 } as const

/** The family number of 4 or 6. */
export const familyNumber = (family: 4 | 6): number => (family === 4 ? AF.inet : AF.inet6)
