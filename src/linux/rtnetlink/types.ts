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
  newQueueingDiscipline: 36,
  deleteQueueingDiscipline: 37,
  getQueueingDiscipline: 38,
  newNetconf: 80,
  deleteNetconf: 81,
  getNamespaceId: 90,
} as const

/** The protocol number of the rtnetlink socket. */
export const NETLINK_ROUTE = 0

/** Address families (linux/socket.h). */
export const AF = { unspecified: 0, inet: 2, inet6: 10 } as const

/**
 * Whether a message is about IPv4 or IPv6. Lists of all families also hold the rules and routes of multicast routing
 * (families 128 and 129) and of MPLS (28), which look alike: `dump(listRules(), ruleMessage).filter(isIp)`.
 */
export const isIp = ({ header: { family } }: { header: { family: number } }): boolean =>
  family === AF.inet || family === AF.inet6

/** The family number of 4 or 6. */
export const familyNumber = (family: 4 | 6): number => (family === 4 ? AF.inet : AF.inet6)

/** Groups of events (enum rtnetlink_groups). */
export const routeGroups = {
  link: 1,
  queueingDiscipline: 4,
  address4: 5,
  route4: 7,
  rule4: 8,
  address6: 9,
  route6: 11,
  rule6: 19,
  netconf4: 24,
  netconf6: 25,
} as const
