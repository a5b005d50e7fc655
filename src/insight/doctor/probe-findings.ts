import { isLoopback } from '../../linux/net/ip.ts'
import { neighbourState } from '../../linux/rtnetlink/neighbour.ts'
import type { StoryEvent } from '../trace/events.ts'
import type { Story } from '../trace/story.ts'
import type { FaultCode } from './catalogue.ts'
import { markClash } from './checks/marks.ts'
import { usesIptables } from './checks/translation.ts'
import type { Facts } from './facts.ts'
import { type CheckResult, type Finding, noFix, resultOf } from './finding.ts'
import { answersHost } from './host-probe.ts'
import { runInside } from './subject.ts'

/**
 * What the story of the probe says: the rule, route or neighbour that ended it; or that it was answered. `isChosen`: the
 * destination was the doctor's own choice, which may be silent without anything being wrong. Throws as `answersHost`.
 */
export const probeFindings = async (facts: Facts, story: Story, isChosen: boolean): Promise<CheckResult> => {
  const { outcome, reason } = story.end
  if (outcome === 'answered') return resultOf([], `a probe: ${reason}`)
  if (stopOf(story) !== undefined) return resultOf([storyFinding(facts, story)])
  return resultOf([(await outsideFinding(facts, story, isChosen)) ?? endFinding(facts, story)])
}

/** What a story alone says of a packet that was not answered: by whose rule it was stopped, or how it ended else. */
export const storyFinding = (facts: Facts, story: Story): Finding => {
  const stop = stopOf(story)
  const packet = stop?.packet === 'request' ? 'the probe was' : 'the answer was'
  return stop === undefined ? endFinding(facts, story) : ruleFinding(facts, story, stop, packet)
}

/** The chain that ended a story. */
const stopOf = ({ end, events }: Story): StoryEvent | undefined =>
  end.outcome === 'dropped' ? events.find(event => event.kind === 'chain' && isStop(event)) : undefined

export const isStop = ({ verdict }: StoryEvent): boolean => verdict !== undefined && verdict !== 'accept'

/** What is told of a packet: of one that was sent, or of one that would be. */
type Told = Pick<Story, 'events' | 'notes'> & { end: { reason: string; evidence: string[] } }

const sayings = ({ end, notes }: Told): string[] => [...end.evidence, ...notes]

/** The rule or policy that stopped a packet, or would. */
export const ruleFinding = (facts: Facts, story: Told, stop: StoryEvent, packet: string): Finding => {
  const { chain, rule, decidedBy } = stop
  const name =
    chain === undefined ? 'a chain' : `${chain.family} ${chain.table} ${chain.name} (${chain.owner})`
  const clash = markClash(facts, stop)
  const isOwn = chain?.program === 'natspace' && chain.table === 'natspace'
  return {
    code: clash === undefined ? codeOf(facts, story, stop) : 'NAT-MARKCLASH',
    what: `${packet} stopped at ${stop.interface ?? 'the hook'}${byWhat(story.end.reason)}`,
    evidence: [
      decidedBy === 'policy' ? `the policy of ${name}` : `${name}: ${rule ?? 'a rule that is gone'}`,
      ...(clash ?? []),
      ...sayings(story),
    ],
    fix: isOwn || clash !== undefined ? noFix : acceptFix(facts, stop),
  }
}

/** 'it was stopped by the policy of …' without what is said in front of it. */
const byWhat = (reason: string): string => {
  const by = /(?:^|, and )it (?:was|would be) stopped (by .*)$/s.exec(reason)?.[1]
  return by === undefined ? `: ${reason}` : ` ${by}`
}

const vpn = /wireguard|wg-quick|tailscale|nordvpn|mullvad|protonvpn|openvpn|vpn/i

/** The code of a drop: by whose rule it was, and where it stood. */
const codeOf = (facts: Facts, story: Told, stop: StoryEvent): FaultCode => {
  const { chain, hook, packet, interface: name } = stop
  const { program, table = '', name: base = '' } = chain ?? {}
  if (program === 'natspace') return 'POLICY'
  if (isDirectAccess(facts, stop)) return 'FW-RAWDROP'
  if (program === 'docker') return hook === 'prerouting' ? 'FW-RAWDROP' : 'FW-DOCKER'
  if (program === 'ufw') return hook === 'input' ? 'FW-UFW-IN' : 'FW-UFW-FWD'
  if (program === 'firewalld') {
    if (table === 'firewalld_policy_drop') return 'FW-RELOADING'
    const isOfTranslated = stop.rules.some(rule => /dnat/i.test(`${rule.chain} ${rule.text}`))
    const conf = facts.seen.file('/etc/firewalld/firewalld.conf') ?? ''
    return isOfTranslated && /^\s*StrictForwardPorts\s*=\s*yes/im.test(conf) ? 'FW-FWD-STRICT' : 'FW-FWD-ZONE'
  }
  if (vpn.test(`${table} ${base} ${program ?? ''}`)) return 'FW-KILLSWITCH'
  const oursBefore = story.events.some(
    event =>
      event.packet === packet &&
      event.hook === hook &&
      event.interface === name &&
      event.chain?.program === 'natspace' &&
      event.verdict === 'accept' &&
      event.decidedBy === 'rule',
  )
  return oursBefore && table !== 'filter' ? 'FW-PRIO' : 'FW-DROP'
}

/** Docker's rules against what comes to a container by another link than its bridge stand in a table without a sign of it. */
const isDirectAccess = (facts: Facts, { hook, chain, rule = '' }: StoryEvent): boolean =>
  hook === 'prerouting' &&
  chain?.table === 'raw' &&
  /\bdaddr\b.*\biifname != |-d \S+ ! -i /.test(rule) &&
  facts.ruleset(undefined).tables.some(table => table.chains.some(item => /^DOCKER(-|$)/.test(item.name)))

/** Accepts the packets of the cable in front of what stops them, in the language in which the rules are. */
const acceptFix = (facts: Facts, stop: StoryEvent): Finding['fix'] => {
  const { chain, hook, point } = stop
  const { router } = facts
  if (chain === undefined || router === undefined || chain.program === 'ufw' || chain.program === 'firewalld')
    return ownerFix(facts, chain?.program, hook)
  const isInside = point === 'inside'
  const run = (command: string) => (isInside ? runInside(facts.subject, command) : command)
  const isIptables =
    usesIptables(facts) && /^(filter|raw|mangle)$/.test(chain.table) && chain.family !== 'inet'
  const place = chain.program === 'docker' && hook === 'forward' ? 'DOCKER-USER' : chain.name
  if (isIptables && !isInside) {
    const program = chain.family === 'ip6' ? 'ip6tables' : 'iptables'
    const table = chain.table === 'filter' ? '' : `-t ${chain.table} `
    const rules = linkMatches(stop, router.name, ['-i', '-o']).map(match => `${place} ${match} -j ACCEPT`)
    return {
      commands: rules.map(rule => `${program} ${table}-I ${rule}`),
      undo: rules.map(rule => `${program} ${table}-D ${rule}`),
    }
  }
  const where = `${chain.family} ${chain.table} ${chain.name}`
  const comment = `natspace doctor ${router.name}`
  return {
    commands: linkMatches(stop, router.name, ['iifname', 'oifname']).map(match =>
      run(`nft 'insert rule ${where} ${match} accept comment "${comment}"'`),
    ),
    undo: [
      `${run(`nft -a list chain ${where}`)} | sed -n 's/.*comment "${comment}" # handle //p' | while read handle; do ${run(`nft delete rule ${where} handle $handle`)}; done`,
    ],
  }
}

/** Both directions where packets are forwarded; elsewhere the link at which it was stopped. */
const linkMatches = (
  { hook, interface: name }: StoryEvent,
  router: string,
  [input, output]: [string, string],
): string[] => {
  if (hook === 'forward') return [`${input} ${router}`, `${output} ${router}`]
  return [`${hook === 'output' || hook === 'postrouting' ? output : input} ${name ?? router}`]
}

/** Front ends whose rules have to be changed by themselves. */
const ownerFix = ({ router }: Facts, program: string | undefined, hook: string): Finding['fix'] => {
  if (router === undefined) return noFix
  if (program === 'ufw') {
    const rules =
      hook === 'input'
        ? [`allow in on ${router.name}`]
        : [`route allow in on ${router.name}`, `route allow out on ${router.name}`]
    return {
      commands: rules.map(rule => `ufw ${rule}`),
      undo: rules.map(
        rule =>
          `ufw ${rule.startsWith('route') ? rule.replace('route ', 'route delete ') : `delete ${rule}`}`,
      ),
    }
  }
  return program === 'firewalld'
    ? {
        commands: [`firewall-cmd --zone=trusted --add-interface=${router.name}`],
        undo: [`firewall-cmd --zone=trusted --remove-interface=${router.name}`],
      }
    : noFix
}

/** What got as far as the uplink, or out of it: does the destination answer this host itself? */
const outsideFinding = async (
  facts: Facts,
  story: Story,
  isChosen: boolean,
): Promise<Finding | undefined> => {
  const { outcome, reason } = story.end
  const { kernel, destination, uplink, seen } = facts
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  const isSilent = kernel
    .neighbours(undefined)
    .some(({ index, state }) => index === link?.index && (state & unresolved) !== 0)
  const gotOut = outcome === 'delivered' || (outcome === 'lost' && isSilent)
  if (!gotOut || link === undefined || link.index === facts.router?.index) return undefined
  if (await answersHost(destination)) return undefined
  const evidence = [`${destination.address} does not answer this host itself`, ...sayings(story)]
  return isChosen
    ? {
        code: 'UP-SILENT',
        what: `${destination.address}, the next router, answers neither the namespace nor this host`,
        evidence,
        fix: noFix,
      }
    : isSilent
      ? {
          code: 'UP-NONE',
          what: `this host cannot reach ${destination.address} either: ${reason}`,
          evidence,
          fix: noFix,
        }
      : undefined
}

const unresolved = neighbourState.failed | neighbourState.incomplete

/** The end of a packet that no rule stopped. */
const endFinding = (facts: Facts, story: Story): Finding => {
  const { outcome, reason } = story.end
  const evidence = sayings(story)
  const text = `${reason} ${evidence.join(' ')}`
  // Drops that the kernel tells of meanwhile may be those of other packets: they count only where nothing is certain.
  const isUnseen = /stopped it that tells no events/.test(reason)
  const doubtful = outcome === 'lost' || /could not send it on/.test(reason) ? text : reason
  if (outcome === 'refused') return { code: 'REFUSED', what: reason, evidence, fix: noFix }
  if (outcome === 'delivered') return { code: 'NOT-ANSWERED', what: reason, evidence, fix: noFix }
  if (isUnseen && legacyTables.test(text)) return legacyFinding(facts, reason, evidence)
  if (!isUnseen && /asked for in vain|NEIGH_FAILED/.test(doubtful))
    return { code: 'NGH-FAILED', what: reason, evidence, fix: noFix }
  if (/BPF_CGROUP|(sendto|connect) failed with EPERM/.test(text))
    return {
      code: 'FW-CGROUP',
      what: `a limit of the control group refuses it: ${reason}`,
      evidence,
      fix: noFix,
    }
  if (legacyTables.test(text)) return legacyFinding(facts, reason, evidence)
  const martian = martianSource(facts, story)
  // The kernel tells of drops on the whole machine: it counts where such a source was seen.
  const isDropped = /IP_LOCAL_SOURCE|IP_LOCALNET/.test(doubtful) && hasOwnSource(facts, story)
  if (isDropped || martian !== undefined)
    return {
      code: 'RT-MARTIAN',
      what:
        martian === undefined
          ? reason
          : `it came with the source ${martian}, which is one of this host itself`,
      evidence: martian === undefined ? evidence : [reason, ...evidence],
      fix: noFix,
    }
  if (/nf_conntrack: table full|CT_FULL/.test(doubtful))
    return { code: 'CT-FULL', what: reason, evidence, fix: noFix }
  return { code: 'LOST', what: reason, evidence, fix: noFix }
}

/** A source of this host itself, which a rule inside gave the packet: the kernel looks no route up for it (EINVAL). */
const martianSource = (facts: Facts, { end, events }: Story): string | undefined => {
  if (!/\((EINVAL|EXDEV)\)/.test(end.reason)) return undefined
  return events
    .flatMap(({ changes }) => changes)
    .filter(({ field }) => field === 'source')
    .map(({ after }) => String(after))
    .find(address => isOwn(facts, address))
}

const isOwn = (facts: Facts, address: string): boolean =>
  isLoopback(address) ||
  facts
    .links(undefined)
    .some(link => facts.addressesOf(undefined, link).some(item => item.address === address))

/** Whether something came to this host by a wire with an address of its own; what leaves it has one rightly. */
const hasOwnSource = (facts: Facts, { points }: Story): boolean =>
  points.some(({ point, request, reply }) => {
    const source = (point === 'uplink' ? reply : request)?.header.source
    return source !== undefined && isOwn(facts, source)
  })

const legacyTables = /iptables-legacy has tables/

const legacyFinding = ({ router, destination }: Facts, reason: string, evidence: string[]): Finding => {
  const program = destination.family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'
  const rules =
    router === undefined ? [] : [`FORWARD -i ${router.name} -j ACCEPT`, `FORWARD -o ${router.name} -j ACCEPT`]
  return {
    code: 'FW-LEGACY',
    what: reason,
    evidence,
    fix: {
      commands: rules.map(rule => `${program} -I ${rule}`),
      undo: rules.map(rule => `${program} -D ${rule}`),
    },
  }
}
