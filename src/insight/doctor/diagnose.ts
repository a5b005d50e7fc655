import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../../space/errors.ts'
import type { StatePaths } from '../../space/state/records.ts'
import type { Story } from '../trace/story.ts'
import { checkAddresses } from './checks/addresses.ts'
import { checkAnswer } from './checks/answer.ts'
import { checkBridgePort, checkManagers } from './checks/bridge.ts'
import { checkChecksums, checkNeighbourTable, readChecksums } from './checks/counters.ts'
import { type AskMissing, askMissing, checkEnvironment } from './checks/environment.ts'
import { checkForwarding } from './checks/forwarding.ts'
import { checkIpsec } from './checks/ipsec.ts'
import { checkLarge } from './checks/large.ts'
import { checkLinks } from './checks/links.ts'
import { checkNames } from './checks/names.ts'
import { checkNamespace } from './checks/namespace.ts'
import { checkOutside } from './checks/outside.ts'
import { checkPorts, type Inbound } from './checks/ports.ts'
import { checkHost, checkRecords } from './checks/records.ts'
import { checkRootless } from './checks/rootless.ts'
import { checkRoutes } from './checks/routes.ts'
import { checkServices } from './checks/services.ts'
import { checkBridgeFilter, checkEcho } from './checks/settings.ts'
import { checkSizes } from './checks/sizes.ts'
import { checkState } from './checks/state.ts'
import { checkPortsLeft, checkTracking, readTrackingCounters } from './checks/tracking.ts'
import { checkLeak, checkTranslation } from './checks/translation.ts'
import { type Destination, Facts } from './facts.ts'
import { type CheckResult, type Finding, together } from './finding.ts'
import { probeFindings } from './probe-findings.ts'
import { probeStory } from './probing.ts'
import { type Cause, rank } from './rank.ts'
import { isForbidden } from './refusal.ts'
import { withSafeFixes } from './safe-fix.ts'
import type { Subject } from './subject.ts'
import { chooseDestination } from './target.ts'

/**
 * Theory of operation. First what can be read is read, bottom-up: the namespace, its cable, addresses, routes, settings,
 * what natspace made. Then a probe of our own is sent from inside and followed by the kernel's own tracer: what it says is
 * certain. What is only a possible cause (a missing translation) is looked at where no answer came, and names where
 * packets pass. At last what follows from something else is hidden behind it.
 */

export type DiagnosisOptions = {
  /** Where to; chosen when left out. */
  to?: Destination
  /** A port of the host that should lead inside. */
  inbound?: Inbound
  /** Nothing is sent, and no table is made: what can be said without privilege. */
  isPassive?: boolean
  /** A probe to the destination that was followed already: no other is sent then. */
  story?: Story
  /** Milliseconds that an answer to the probe is waited for. */
  patience?: number
  /** Called between two waits; true ends it. */
  pause?: () => Promise<boolean>
  /** What this kernel lacks; asked of the kernel when left out. */
  missing?: AskMissing
}

/** What was found out about one namespace. */
export type Diagnosis = {
  subject: Subject
  destination: Destination
  /** What was looked at and is as it should be. */
  fine: string[]
  /** What has to be mended, in order. */
  causes: Cause[]
  notes: Finding[]
  unchecked: string[]
  /** The probe, where one was sent. */
  story: Story | undefined
}

/** Examines one namespace. Changes nothing that it does not take back. Throws as `observeProbe`, and NatspaceError. */
export const diagnose = async (
  kernel: Kernel,
  paths: StatePaths,
  subject: Subject,
  options: DiagnosisOptions = {},
): Promise<Diagnosis> => {
  const destination = options.to ?? chooseDestination(kernel, subject)
  const facts = new Facts(kernel, paths, subject, destination)
  const base = { subject, destination }
  const namespace = checkNamespace(facts)
  const records = attempt('the records of natspace', () => checkRecords(facts))
  if (namespace.findings.length > 0) {
    const isClosed = facts.seen.namespace(subject.path) === 'present' && !facts.mayEnter
    const outside = isClosed ? [attempt('what is outside of the namespace', () => checkOutside(facts))] : []
    return { ...base, story: undefined, ...conclude(facts, [namespace, records, ...outside]) }
  }
  const still = [
    namespace,
    records,
    attempt('the port of the bridge', () => checkBridgePort(facts)),
    attempt('what carries packets without root', () => checkRootless(facts)),
    attempt('links', () => checkLinks(facts)),
    attempt('addresses', () => checkAddresses(facts)),
    attempt('routes', () => checkRoutes(facts)),
    attempt('settings of forwarding', () => checkForwarding(facts)),
    attempt('what natspace made', () => checkState(facts)),
    attempt('ports', () => checkPorts(facts, options.inbound)),
    attempt('connection tracking', () => checkTracking(facts, options.inbound)),
    attempt('what leaves untranslated', () => checkLeak(facts)),
    attempt('limits of services', () => checkServices(facts)),
  ]
  const before = readTrackingCounters(facts)
  const checksums = options.isPassive ? undefined : readChecksums(facts)
  const story = options.isPassive ? undefined : (options.story ?? (await probeStory(facts, options)))
  const probed: CheckResult =
    story === undefined
      ? {
          fine: [],
          findings: [],
          unchecked: [
            options.isPassive
              ? 'the way of a packet: tracing needs root'
              : 'the way of a packet: there is no cable to this host, or no address to send from',
          ],
        }
      : await probeFindings(facts, story, options.to === undefined)
  const isAnswered = story?.end.outcome === 'answered' || story?.end.outcome === 'refused'
  const rest = isAnswered
    ? [
        attempt('names', () => checkNames(facts)),
        ...(story?.end.outcome === 'answered' ? [attempt('large packets', () => checkLarge(facts))] : []),
      ]
    : [
        attempt('the way of the answer', () => checkAnswer(facts, story)),
        attempt('the translation of the source', () =>
          checkTranslation(facts, story?.end.outcome === 'dropped'),
        ),
        ...(checksums === undefined ? [] : [attempt('checksums', () => checkChecksums(facts, checksums))]),
        attempt('the table of neighbours', () => checkNeighbourTable(facts)),
        attempt('ports of the translation', () => checkPortsLeft(facts, before)),
        attempt('echoes', () => checkEcho(facts)),
        attempt('frames between ports of the bridge', () => checkBridgeFilter(facts)),
        attempt('policies of IPsec', () => checkIpsec(facts, story)),
      ]
  const host = await attemptLater('what natspace left', () => checkHost(facts))
  const all = [...still, probed, ...rest, attempt('sizes', () => checkSizes(facts)), host]
  const { findings } = together(all)
  const isMissing = findings.some(({ code }) => /^(ADR-NONE|RT-NOHOSTROUTE|LNK-NOCARRIER)$/.test(code))
  return {
    ...base,
    story,
    ...conclude(facts, [
      ...all,
      attempt('programs that manage links', () => checkManagers(facts, isMissing)),
      attempt('the environment', () => checkEnvironment(facts, findings, options.missing ?? askMissing)),
    ]),
  }
}

/** As `attempt`, for a check that waits. */
const attemptLater = async (name: string, check: () => Promise<CheckResult>): Promise<CheckResult> => {
  try {
    return await check()
  } catch (error) {
    if (!isRefused(error)) throw error
    return refused(name)
  }
}

const refused = (name: string): CheckResult => ({
  fine: [],
  findings: [],
  unchecked: [`${name}: not allowed for this user`],
})

/** A check; what this user may not look at is said, and is no reason to end. */
const attempt = (name: string, check: () => CheckResult): CheckResult => {
  try {
    return check()
  } catch (error) {
    if (!isRefused(error)) throw error
    return refused(name)
  }
}

/** No privilege, or a record that cannot be read, of which the records' own check speaks. */
const isRefused = (error: unknown): boolean =>
  (error instanceof NatspaceError && error.code === 'STATE_UNREADABLE') || isForbidden(error)

const conclude = (
  facts: Facts,
  results: readonly CheckResult[],
): Pick<Diagnosis, 'fine' | 'causes' | 'notes' | 'unchecked'> => {
  const { fine, findings, unchecked } = together(results)
  return { fine, unchecked, ...rank(withSafeFixes(facts, findings)) }
}
