import { isLoopback } from '../../../linux/net/ip.ts'
import { SystemError } from '../../../linux/sys/errno.ts'
import { openNamespace, ownNamespacePath } from '../../../linux/sys/namespace.ts'
import { Socket } from '../../../linux/sys/socket.ts'
import { quoteShell } from '../../../space/text/quote-shell.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'

/** Milliseconds that a resolver has for its answer. */
const patience = 1500
/** Resolvers that are asked: programs ask no more (MAXNS of resolv.h). */
const mostServers = 3

/**
 * Names: which resolvers programs in the namespace ask, and whether these answer from there. To be looked at when packets
 * pass, as otherwise nothing new is learned.
 */
export const checkNames = (facts: Facts): CheckResult => {
  const { subject } = facts
  const own = `/etc/netns/${subject.path.replace(/^.*\//, '')}/resolv.conf`
  const ownText = facts.seen.file(own)
  // natspace exec shows a file that works inside; for others it is the host's.
  if (subject.space !== undefined && ownText === undefined) return resultOf([])
  const file = ownText === undefined ? '/etc/resolv.conf' : own
  const servers = [
    ...(ownText ?? facts.seen.file('/etc/resolv.conf') ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm),
  ]
    .flatMap(([, address]) => address ?? [])
    .slice(0, mostServers)
  const listens = facts.seen
    .listeners(facts.inside, 'udp')
    .some(({ port, address }) => port === 53 && (isLoopback(address) || /^(0\.0\.0\.0|::)$/.test(address)))
  const stubs = servers.filter(address => isLoopback(address) && !listens)
  const stub: Finding | undefined =
    stubs.length === 0
      ? undefined
      : {
          code: 'DNS-STUB',
          what: `programs in the namespace ask ${stubs.join(', ')}, where nobody listens inside`,
          evidence: [`${file}: ${stubs.map(address => `nameserver ${address}`).join(', ')}`],
          fix: stubFix(facts, own),
        }
  const others = servers.filter(address => !isLoopback(address))
  return together([
    resultOf([stub]),
    ...(stub === undefined ? others.map(address => askResolver(facts, file, address)) : []),
  ])
}

const upstreams = '/run/systemd/resolve/resolv.conf'

/** What systemd-resolved asks itself, for the programs that `ip netns exec` starts. */
const stubFix = ({ kernel, subject }: Facts, own: string): Finding['fix'] => {
  const isNamed = /^\/run\/netns\/[^/]+$/.test(subject.path)
  if (!isNamed || kernel.fileStatus(upstreams) === undefined) return noFix
  const folder = quoteShell(own.replace(/\/[^/]*$/, ''))
  return {
    commands: [`mkdir -p ${folder}`, `cp ${upstreams} ${quoteShell(own)}`],
    undo: [`rm ${quoteShell(own)}`],
  }
}

/** A question for the root's name servers (RFC 1035 section 4): every resolver knows an answer, or says that it has none. */
const question = Uint8Array.from([0x4e, 0x53, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1])

const askResolver = (facts: Facts, file: string, address: string): CheckResult => {
  const inside = ask(facts.inside, address)
  if (inside === 'answered') return resultOf([], `the resolver ${address} answers`)
  // What does not answer this host either is no fault of the namespace.
  const outside = ask(ownNamespacePath, address)
  if (outside !== 'answered')
    return {
      fine: [],
      findings: [],
      unchecked: [`the resolver ${address}: it does not answer this host itself (${outside})`],
    }
  return resultOf([
    {
      code: 'DNS-UPSTREAM',
      what: `the resolver ${address} answers this host, and not the namespace`,
      evidence: [`${file}: nameserver ${address}`, `a question to ${address}:53 from inside: ${inside}`],
      fix: noFix,
    },
  ])
}

/** Asks a resolver from a namespace; returns 'answered', or what came instead. */
const ask = (path: string, address: string): string => {
  using namespace = openNamespace(path)
  const socket = Socket.open('udp', { namespace: namespace.number, family: address.includes(':') ? 6 : 4 })
  try {
    socket.startConnect({ address, port: 53 })
    socket.send(question)
    return socket.receive(patience) === undefined ? `no answer in ${patience} ms` : 'answered'
  } catch (error) {
    if (error instanceof SystemError) return `${error.call}: ${error.code}`
    throw error
  } finally {
    socket.close()
  }
}
