import {
  type BaseChain,
  baseChains,
  evaluateHook,
  natPriority,
  type Outcome,
  type RuleRef,
} from '../../linux/nftables/evaluate/index.ts'
import type { HookName } from '../../linux/nftables/index.ts'
import type { StoryEvent } from '../trace/events.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import type { ChainVisit } from '../walk/steps.ts'
import { chainEvent, emptyEvent, visitOf } from './chain-event.ts'
import { described } from './described.ts'
import { doubtsOf, type RuleDoubt } from './doubts.ts'
import type { PlaceFacts } from './facts.ts'
import type { Refusal } from './settings.ts'
import { type Tracking, tracksConnections } from './tracking.ts'
import { type LinksOnWay, translateWire } from './translation.ts'
import { changed, type Wire, wireChanges } from './wire.ts'
import { zonesSet } from './zones.ts'

/**
 * Theory of operation. A packet goes through the hooks of one namespace chain by chain, in the kernel's order, so that each
 * chain sees what the ones before have made of it. Connection tracking has its places among them: in front of it chains see
 * no connection; where its translations are, the nat chains decide for a first packet, and what they decided is undone for
 * an answer, without a rule.
 */

/** Why a packet does not go on. */
export type Stop =
  | { type: 'rule'; hook: HookName; link: string | undefined; visit: ChainVisit }
  | { type: 'refusal'; hook: HookName | 'routing'; link: string | undefined; refusal: Refusal }
  | {
      type: 'doubt'
      hook: HookName | 'routing'
      link: string | undefined
      reason: string
      doubts: RuleDoubt[]
    }

/** What to take for granted of a rule that may apply or not. */
export type PlaceAssumption = (at: 'inside' | 'host', rule: RuleRef) => boolean | undefined

export type PassageContext = {
  at: 'inside' | 'host'
  facts: PlaceFacts
  /** The host end of the space's cable. */
  cable: string
  tracking: Tracking
  assume: PlaceAssumption | undefined
}

/** NF_IP_PRI_CONNTRACK. */
const conntrackPriority = -200

/** One packet on its way through one namespace. */
export class Passage {
  wire: Wire
  mark: number | undefined = 0
  readonly events: StoryEvent[] = []
  readonly #context: PassageContext
  readonly #packet: StoryEvent['packet']
  readonly #isTracked: boolean
  #written: ReadonlySet<string> = new Set()
  readonly #zones: string[] = []

  constructor(context: PassageContext, packet: StoryEvent['packet'], wire: Wire) {
    this.#context = context
    this.#packet = packet
    this.wire = wire
    this.#isTracked = tracksConnections(context.facts.ruleset)
    context.tracking.original ??= wire
  }

  /** What an event at a hook has in common with all others there. */
  base(hook: StoryEvent['hook'], links: LinksOnWay, side?: 'input' | 'output'): StoryEvent {
    const isOut = side === undefined ? outward.includes(hook) : side === 'output'
    const link = isOut ? (links.output ?? links.input) : (links.input ?? links.output)
    const { at, cable } = this.#context
    return {
      ...emptyEvent,
      packet: this.#packet,
      point: at === 'inside' ? 'inside' : link?.name === cable ? 'cable' : 'uplink',
      interface: link?.name,
      hook,
    }
  }

  /** Goes through all chains of a hook; returns what stops it there. */
  hook(hook: HookName, links: LinksOnWay): Stop | undefined {
    const { facts } = this.#context
    const device = hook === 'ingress' ? links.input?.name : hook === 'egress' ? links.output?.name : undefined
    const question = { hook, ...(device === undefined ? {} : { device }) }
    const chains = baseChains(facts.ruleset, question, this.wire.family)
    const nat = chains.filter(({ type }) => type === 'nat')
    const others = chains.filter(({ type }) => type !== 'nat')
    const isFirst = hook === 'prerouting' || hook === 'output'
    const early = others.filter(({ priority }) => isFirst && priority < conntrackPriority)
    const place = natPriority[hook] ?? Number.POSITIVE_INFINITY
    const before = others.filter(item => !early.includes(item) && item.priority < place)
    const behind = others.filter(item => item.priority >= place)
    const stop = this.#filters(hook, early, links)
    if (stop !== undefined) return stop
    const stranger = isFirst ? this.#zoneDoubt(hook, links) : undefined
    if (stranger !== undefined) return stranger
    if (isFirst && (before.length > 0 || !this.#restores(hook))) this.#noteTracking(hook, links, [])
    const later = this.#filters(hook, before, links)
    if (later === undefined && this.#restores(hook)) this.#noteTracking(hook, links, this.#restore(hook))
    if (later !== undefined) return later
    return this.#translate(hook, nat, links) ?? this.#filters(hook, behind, links)
  }

  /** What connection tracking says of it: once at the first hook, and wherever it translates without a rule. */
  #noteTracking(hook: HookName, links: LinksOnWay, changes: readonly HeaderChange[]): void {
    const { state } = this.#context.tracking
    if (!this.#isTracked || state === 'untracked') return
    const known = this.#packet === 'reply' ? 'an answer of the connection' : 'a new connection'
    this.events.push({
      ...this.base(hook, links),
      kind: 'conntrack',
      stage: 'conntrack',
      rule: changes.length === 0 ? known : `${known}, translated without a rule`,
      changes,
    })
  }

  /** An answer in another zone than the request. */
  #zoneDoubt(hook: HookName, links: LinksOnWay): Stop | undefined {
    const { tracking } = this.#context
    const zone = this.#zones.at(-1) ?? ''
    if (this.#packet === 'request') tracking.zone = zone
    if (tracking.zone === undefined || tracking.zone === zone) return undefined
    return {
      type: 'doubt',
      hook,
      link: this.base(hook, links).interface,
      reason: 'rules may put it into another zone of connection tracking than the request (ct zone)',
      doubts: [],
    }
  }

  /** Whether connection tracking translates an answer back at this hook. */
  #restores(hook: HookName): boolean {
    const { state, original, source, destination } = this.#context.tracking
    if (this.#packet !== 'reply' || state !== 'established' || original === undefined) return false
    return hook === 'prerouting' || hook === 'output'
      ? source !== undefined
      : (hook === 'postrouting' || hook === 'input') && destination !== undefined
  }

  /** Undoes the translation of the connection for an answer. */
  #restore(hook: HookName): HeaderChange[] {
    const { original } = this.#context.tracking
    if (original === undefined) return []
    const before = this.wire
    const isIcmp = before.icmpType !== undefined
    this.wire =
      hook === 'prerouting' || hook === 'output'
        ? changed(before, {
            destination: original.source,
            ...(isIcmp
              ? { icmpId: original.icmpId }
              : { destinationPort: original.sourcePort, destinationPorts: original.sourcePorts }),
          })
        : changed(before, {
            source: original.destination,
            ...(isIcmp ? {} : { sourcePort: original.destinationPort }),
          })
    return wireChanges(before, this.wire)
  }

  /** Runs chains one by one. */
  #filters(hook: HookName, chains: readonly BaseChain[], links: LinksOnWay): Stop | undefined {
    for (const { table, chain } of chains) {
      const outcome = this.#ask(hook, links, { chains: (one, other) => one === table && other === chain })
      this.#zones.push(...zonesSet(this.#context.facts.ruleset, outcome, this.#packet))
      const stop = this.#stopOf(hook, outcome, links)
      const before = { wire: this.wire, mark: this.mark }
      const unknown = stop === undefined ? this.#take(hook, outcome) : undefined
      const changes: HeaderChange[] = [
        ...wireChanges(before.wire, this.wire),
        ...(before.mark === this.mark || before.mark === undefined
          ? []
          : [{ field: 'mark' as const, before: before.mark, after: this.mark ?? 'unknown' }]),
      ]
      this.#noteVisits(hook, outcome, links, stop === undefined ? changes : [])
      if (stop !== undefined) return stop
      if (unknown !== undefined)
        return {
          type: 'doubt',
          hook,
          link: this.base(hook, links).interface,
          reason: `what its ${unknown} becomes is not known`,
          doubts: doubtsOf(outcome, this.#doubtPlace()),
        }
    }
    return undefined
  }

  /** All chains of type nat together: only the first packet of a connection comes to them. */
  #translate(hook: HookName, chains: readonly BaseChain[], links: LinksOnWay): Stop | undefined {
    const { tracking, facts } = this.#context
    const isAsked = tracking.state === 'new' || tracking.state === undefined
    if (chains.length === 0 || !isAsked || this.#packet === 'reply') return undefined
    const outcome = this.#ask(hook, links, { types: ['nat'] })
    const { interface: link } = this.base(hook, links)
    const stop = this.#stopOf(hook, outcome, links)
    if (stop !== undefined) {
      this.#noteVisits(hook, outcome, links, [])
      return stop
    }
    tracking.mark = outcome.after.ctMark
    this.mark = outcome.after.mark
    const action = outcome.nat
    if (outcome.translations.length > 0 && action === undefined) {
      this.#noteVisits(hook, outcome, links, [])
      const doubts = doubtsOf(outcome, this.#doubtPlace())
      return { type: 'doubt', hook, link, reason: 'whether and how it is translated is not known', doubts }
    }
    if (action === undefined) {
      this.#noteVisits(hook, outcome, links, [])
      return undefined
    }
    const translated = translateWire(facts, action, this.wire, links)
    if (!('wire' in translated)) {
      this.#noteVisits(hook, outcome, links, [])
      if ('impossible' in translated)
        return { type: 'refusal', hook, link, refusal: { reason: translated.impossible, evidence: [] } }
      const doubts = doubtsOf(outcome, this.#doubtPlace())
      return { type: 'doubt', hook, link, reason: translated.unknown, doubts }
    }
    const changes = wireChanges(this.wire, translated.wire)
    if (changes.length > 0) tracking[translated.side] = translated.end
    this.wire = translated.wire
    this.#noteVisits(hook, outcome, links, changes, action.by)
    return undefined
  }

  #ask(
    hook: HookName,
    links: LinksOnWay,
    which: Pick<Parameters<typeof evaluateHook>[1], 'chains' | 'types'>,
  ): Outcome {
    const { facts, assume, at } = this.#context
    const device = hook === 'ingress' ? links.input?.name : hook === 'egress' ? links.output?.name : undefined
    return evaluateHook(
      facts.ruleset,
      {
        hook,
        ...which,
        written: this.#written,
        ...(device === undefined ? {} : { device }),
        ...(assume === undefined ? {} : { assume: (rule: RuleRef) => assume(at, rule) }),
      },
      described(this.#context, { hook, links, wire: this.wire, mark: this.mark, packet: this.#packet }),
    )
  }

  /** Takes over what chains made of the packet; returns the name of a field of which nobody knows what it became. */
  #take(hook: HookName, { after, written }: Outcome): string | undefined {
    const { tracking } = this.#context
    this.#written = written
    this.mark = after.mark
    // In front of connection tracking there is no state that could be kept.
    if (hook !== 'ingress') {
      tracking.mark = after.ctMark
      tracking.state = after.ctState
    }
    const { source, destination, sourcePort, destinationPort, ttl, dscp, protocol } = after
    if (source === undefined) return 'source'
    if (destination === undefined) return 'destination'
    if (protocol === undefined) return 'protocol'
    const { sourcePorts, destinationPorts } = after
    this.wire = changed(this.wire, {
      ...{ source, destination, protocol, ttl, dscp },
      ...{ sourcePort, destinationPort, sourcePorts, destinationPorts },
    })
    return undefined
  }

  #stopOf(hook: HookName, outcome: Outcome, links: LinksOnWay): Stop | undefined {
    if (outcome.passes === true) return undefined
    const { interface: link } = this.base(hook, links)
    const step = outcome.steps.findLast(({ verdict }) => verdict === 'drop' || verdict === 'reject')
    if (outcome.passes === false && step !== undefined)
      return { type: 'rule', hook, link, visit: visitOf(step, this.#doubtPlace()) }
    const doubts = doubtsOf(outcome, this.#doubtPlace())
    const isQueued = outcome.steps.some(({ possible }) => possible.some(({ verdict }) => verdict === 'queue'))
    const reason = isQueued
      ? 'a program decides about it (queue)'
      : outcome.passes === false
        ? 'it would be stopped, but by which rule is not known'
        : 'whether a rule applies to it is not known'
    return { type: 'doubt', hook, link, reason, doubts }
  }

  #noteVisits(
    hook: HookName,
    { steps }: Outcome,
    links: LinksOnWay,
    changes: readonly HeaderChange[],
    by?: RuleRef,
  ): void {
    for (const [index, step] of steps.entries()) {
      const isOwn =
        by === undefined
          ? index === steps.length - 1
          : step.possible.some(({ nat }) => nat !== undefined && nat.by === by)
      const visit = visitOf(step, this.#doubtPlace())
      this.events.push(chainEvent(this.base(hook, links), visit, isOwn ? changes : []))
    }
  }

  #doubtPlace() {
    const { facts, at } = this.#context
    return {
      ruleset: facts.ruleset,
      at,
      interfaceNames: new Map(facts.links.map(({ index, name }) => [index, name])),
    }
  }
}

const outward: readonly string[] = ['postrouting', 'output', 'egress']
