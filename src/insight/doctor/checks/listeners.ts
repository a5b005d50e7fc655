import { isLoopback } from '../../../linux/net/ip.ts'
import type { ListenerProtocol } from '../../../linux/socket-diag/listener.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf } from '../finding.ts'
import { inhabitantsOf, unlessGone } from '../processes.ts'
import { runInside } from '../subject.ts'

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
    ...(all.length === 0 ? [elsewhere(facts, protocol, port), unprivileged(facts, port)] : []),
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

/**
 * A program that listens at that port in the namespace of the host instead. Where it lives inside, as with a socket that it
 * was handed, that is certain; a program of the host may be meant for the host.
 */
const elsewhere = (facts: Facts, protocol: ListenerProtocol, port: number): Finding | undefined => {
  const { kernel, subject } = facts
  const found = kernel.listeners(undefined, protocol).find(item => item.port === port)
  if (found === undefined) return undefined
  const owner = kernel.socketOwner(found.inode)
  const name = owner === undefined ? 'a program' : `${owner.command} (process ${owner.pid})`
  const home = owner && unlessGone(() => kernel.namespaceIdentity(`/proc/${owner.pid}/ns/net`))
  const livesInside = home !== undefined && home === kernel.namespaceIdentity(subject.path)
  return {
    code: 'NS-WRONGPROC',
    ...(livesInside ? {} : { severity: 'notice' as const }),
    what: `${name} listens at port ${port}/${protocol} of this host, and nobody does inside`,
    evidence: [
      `listener of this host: ${found.address}:${port}`,
      'listeners at that port inside: none',
      ...(livesInside ? [`process ${owner?.pid} lives inside: it was handed a socket of this host`] : []),
    ],
    fix: noFix,
  }
}

/** CAP_NET_BIND_SERVICE of linux/capability.h. */
const bindService = 10n

const unprivileged = (facts: Facts, port: number): Finding | undefined => {
  const key = 'net.ipv4.ip_unprivileged_port_start'
  const first = Number(facts.sysctl(facts.inside, key) ?? 0)
  if (port >= first) return undefined
  const without = inhabitantsOf(facts).find(({ capabilities }) => ((capabilities >> bindService) & 1n) === 0n)
  return without === undefined
    ? undefined
    : {
        code: 'SYS-PRIVPORT',
        what: `${without.command} (process ${without.id}) may not take port ${port}: it has no CAP_NET_BIND_SERVICE`,
        evidence: [`${key} = ${first} inside`, `user ${without.user}`],
        fix: {
          commands: [runInside(facts.subject, `sysctl -w ${key}=${port}`)],
          undo: [runInside(facts.subject, `sysctl -w ${key}=${first}`)],
        },
      }
}
