import { isLoopback } from '../../../linux/net/ip.ts'
import { SystemError } from '../../../linux/sys/errno.ts'
import { openNamespace, ownNamespacePath } from '../../../linux/sys/namespace.ts'
import { Socket } from '../../../linux/sys/socket.ts'
import { quoteShell } from '../../../space/text/quote-shell.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'
import { inhabitantsOf, unlessGone } from '../processes.ts'
import { readTrackingCounters } from './tracking.ts'

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
  const unbound = ownText === undefined ? undefined : unboundFinding(facts, own)
  // natspace exec shows a file that works inside, and hides the host's daemons; for others it is all the host's.
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
    resultOf([stub, unbound, subject.space === undefined ? leakFinding(facts) : undefined]),
    ...(stub === undefined ? others.map(address => askResolver(facts, file, address)) : []),
  ])
}

/** Modules of nsswitch.conf that ask a daemon, and the socket of that daemon. */
const daemons: Readonly<Record<string, string>> = {
  resolve: '/run/systemd/resolve/io.systemd.Resolve',
  mdns4_minimal: '/run/avahi-daemon/socket',
  mdns4: '/run/avahi-daemon/socket',
  mdns: '/run/avahi-daemon/socket',
  mymachines: '/run/systemd/machine/io.systemd.Machine',
}
/** glibc asks nscd before all that nsswitch.conf says. */
const nscd = ['/run/nscd/socket', '/var/run/nscd/socket']

const leakFinding = (facts: Facts): Finding | undefined => {
  const { kernel } = facts
  const line = /^\s*hosts:\s*(.*)$/m.exec(facts.seen.file('/etc/nsswitch.conf') ?? '')?.[1] ?? ''
  const modules = (line.split(/\bdns\b/)[0] ?? '').split(/\s+/).filter(word => word in daemons)
  const sockets = [...modules.map(name => daemons[name] ?? ''), ...nscd].filter(
    path => kernel.fileStatus(path) !== undefined,
  )
  return sockets.length === 0
    ? undefined
    : {
        code: 'DNS-NSSLEAK',
        what: `programs inside ask ${sockets.join(', ')} for names: a daemon of this host`,
        evidence: [`/etc/nsswitch.conf: hosts: ${line}`],
        fix: noFix,
      }
}

/** Processes of the namespace that see the host's file and not the one that is meant for them. */
const unboundFinding = (facts: Facts, own: string): Finding | undefined => {
  const target = '/etc/resolv.conf'
  const without = inhabitantsOf(facts).filter(({ id }) => {
    const mounts = unlessGone(() => facts.kernel.readFile(`/proc/${id}/mountinfo`))
    // The fifth field is the place of the mount; `ip netns exec` mounts the file there, or on what that is a link to.
    return mounts?.split('\n').some(line => /resolv\.conf$/.test(line.split(' ')[4] ?? '')) === false
  })
  return without.length === 0
    ? undefined
    : {
        code: 'DNS-NOBIND',
        what: `${without.map(({ command, id }) => `${command} (process ${id})`).join(', ')} ${without.length === 1 ? 'sees' : 'see'} the ${target} of the host, and not ${own}`,
        evidence: without.map(({ id }) => `/proc/${id}/mountinfo: no mount on ${target}`),
        fix: noFix,
      }
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

/** A question about the root (RFC 1035 section 4): every resolver knows an answer, or says that it has none. */
const questionOf = (id: number, type: number): Uint8Array =>
  Uint8Array.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, type, 0, 1])

/** A and AAAA, as programs ask for both at the same time. */
const kinds = [1, 28] as const

const askResolver = (facts: Facts, file: string, address: string): CheckResult => {
  const inside = ask(facts.inside, address)
  if (inside === 'answered') return resultOf([], `the resolver ${address} answers`)
  const evidence = [`${file}: nameserver ${address}`]
  if (inside === 'one of two answered') {
    // A packet may be lost by chance.
    const isAgain = ask(facts.inside, address) === inside
    const alone = kinds.every(kind => ask(facts.inside, address, [kind]) === 'answered')
    if (!isAgain || !alone) return resultOf([], `the resolver ${address} answers`)
    return resultOf([
      {
        code: 'DNS-5S',
        what: `of two questions to ${address} from one port one is lost, and each alone is answered`,
        evidence: [
          ...evidence,
          `insert_failed of connection tracking: ${readTrackingCounters(facts).insertFailed}`,
        ],
        fix: noFix,
      },
    ])
  }
  // What does not answer this host either is no fault of the namespace.
  const outside = ask(ownNamespacePath, address)
  if (outside.includes('no answer') || outside.includes(':'))
    return {
      fine: [],
      findings: [],
      unchecked: [`the resolver ${address}: it does not answer this host itself (${outside})`],
    }
  return resultOf([
    {
      code: 'DNS-UPSTREAM',
      what: `the resolver ${address} answers this host, and not the namespace`,
      evidence: [...evidence, `a question to ${address}:53 from inside: ${inside}`],
      fix: noFix,
    },
  ])
}

/** Asks a resolver from a namespace, all questions from one port; returns 'answered', or what came instead. */
const ask = (path: string, address: string, types: readonly number[] = kinds): string => {
  using namespace = openNamespace(path)
  using socket = Socket.open('udp', { namespace: namespace.number, family: address.includes(':') ? 6 : 4 })
  try {
    socket.startConnect({ address, port: 53 })
    const open = new Set(types.map((_, place) => 0x4e53 + place))
    for (const [place, type] of types.entries()) socket.send(questionOf(0x4e53 + place, type))
    const end = performance.now() + patience
    while (open.size > 0) {
      const received = socket.receive(Math.max(0, end - performance.now()))
      if (received === undefined) break
      const [high = 0, low = 0] = received.bytes
      open.delete(high * 256 + low)
    }
    return open.size === 0
      ? 'answered'
      : open.size < types.length
        ? 'one of two answered'
        : `no answer in ${patience} ms`
  } catch (error) {
    if (error instanceof SystemError) return `${error.call}: ${error.code}`
    throw error
  }
}
