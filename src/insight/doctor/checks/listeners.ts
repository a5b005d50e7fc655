import { isLoopback } from '../../../linux/net/ip.ts'
import type { ListenerProtocol } from '../../../linux/socket-diag/listener.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, noFix, resultOf } from '../finding.ts'

/** Who waits at a port inside: a program that outside can reach, one that it cannot, or nobody. */
export const checkListener = (facts: Facts, protocol: ListenerProtocol, port: number): CheckResult => {
  const { family } = facts.destination
  const all = facts.seen.listeners(facts.inside, protocol).filter(item => item.port === port)
  const serves = all.filter(
    item => !isLoopback(item.address) && (item.family === family || (item.family === 6 && !item.v6Only)),
  )
  if (serves.length > 0)
    return resultOf([], `a program listens at port ${port}/${protocol} inside (${serves[0]?.address})`)
  const alone = all.find(item => isLoopback(item.address))
  const has = all.map(item => `${item.address}:${item.port}`)
  return resultOf([
    alone === undefined
      ? {
          code: 'PUB-NOLISTEN',
          what: `nobody listens at port ${port}/${protocol} inside`,
          evidence: [`listeners at that port: ${has.join(', ') || 'none'}`],
          fix: noFix,
        }
      : {
          code: 'PUB-LISTENLO',
          what: `the program at port ${port}/${protocol} listens on ${alone.address} only`,
          evidence: [`listener ${alone.address}:${port}`],
          fix: noFix,
        },
  ])
}
