import { isLoopback } from '../../../linux/net/ip.ts'
import { ownNamespacePath } from '../../../linux/sys/namespace.ts'
import { quoteShell } from '../../../space/text/quote-shell.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf, together } from '../finding.ts'
import { askAll, both } from '../name-questions.ts'
import { inhabitantsOf, unlessGone } from '../processes.ts'
import { readTrackingCounters } from './tracking.ts'

/** Milliseconds that the resolvers have for their answers. */
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
    ...(stub === undefined && others.length > 0 ? [askResolvers(facts, file, others)] : []),
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
  const isThere = (path: string) => kernel.fileStatus(path) !== undefined
  const asked = new Set(modules.map(name => daemons[name] ?? ''))
  // /var/run is a link to /run nearly everywhere.
  const sockets = [...[...asked].filter(isThere), ...nscd.filter(isThere).slice(0, 1)]
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

/** What came of the questions to resolvers, from inside and from this host. */
const askResolvers = (facts: Facts, file: string, servers: readonly string[]): CheckResult => {
  const asked = askAll(
    servers.flatMap(server => [
      { path: facts.inside, server, types: both },
      { path: ownNamespacePath, server, types: [both[0]] },
    ]),
    patience,
  )
  return together(
    servers.map((server, place) =>
      resolverResult(facts, file, server, asked[2 * place] ?? 'nothing', asked[2 * place + 1] ?? 'nothing'),
    ),
  )
}

const resolverResult = (
  facts: Facts,
  file: string,
  server: string,
  inside: string,
  outside: string,
): CheckResult => {
  const fine = resultOf([], `the resolver ${server} answers`)
  if (inside === 'answered') return fine
  const evidence = [`${file}: nameserver ${server}`]
  if (inside === 'one of two answered') {
    const ask = (types: readonly number[]) => askAll([{ path: facts.inside, server, types }], patience)[0]
    // A packet may be lost by chance.
    const isAgain = ask(both) === inside
    if (!isAgain || !both.every(type => ask([type]) === 'answered')) return fine
    const { insertFailed } = readTrackingCounters(facts)
    return resultOf([
      {
        code: 'DNS-5S',
        what: `of two questions to ${server} from one port one is lost, and each alone is answered`,
        evidence: [...evidence, `insert_failed of connection tracking: ${insertFailed}`],
        fix: noFix,
      },
    ])
  }
  // What does not answer this host either is no fault of the namespace.
  if (outside !== 'answered')
    return {
      fine: [],
      findings: [],
      unchecked: [`the resolver ${server}: it does not answer this host itself (${outside})`],
    }
  return resultOf([
    {
      code: 'DNS-UPSTREAM',
      what: `the resolver ${server} answers this host, and not the namespace`,
      evidence: [...evidence, `a question to ${server}:53 from inside: ${inside}`],
      fix: noFix,
    },
  ])
}
