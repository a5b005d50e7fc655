import { readFilter } from '../../insight/capture/read-filter.ts'
import { parseOrigin } from '../../insight/trace/origin.ts'
import { parseTarget } from '../../insight/trace/target.ts'
import { network } from '../../lab/places.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../../space/errors.ts'
import type { Context } from '../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { StatePaths } from '../../space/state/records.ts'
import type { Handlers, Nothing, Snapshot } from '../channel.ts'
import type { Applied, Hello, LabReport, LabRequest, ServerEvent, Topology, Walk } from '../protocol.ts'
import { applyText, changesNotAllowed, removeSpaces } from './changes.ts'
import { doctorReport } from './doctor.ts'
import { Follows } from './follows.ts'
import { helloOf, readLacking } from './hello.ts'
import { labHost, labHosts } from './lab/known-hosts.ts'
import type { Lab } from './lab/lab.ts'
import { ProbeCaptures } from './lab/lab-captures.ts'
import { Live } from './live.ts'
import { checkedName, spaceNamed, specText } from './named.ts'
import { planOfRemoval, planOfText } from './plan.ts'
import { spaceDetails } from './space-details.ts'
import { specSchema } from './spec-schema.ts'
import { observeTopology, type PictureOptions } from './topology/observe.ts'
import { Pipelines } from './walk/pipelines.ts'
import { probeWalk } from './walk/probe-walk.ts'
import { summary, WalkRing } from './walk/walk-ring.ts'
import { WorkQueue } from './work.ts'

/**
 * Theory of operation. The engine answers the verbs of the channel by what the command uses too. Each question has a kernel
 * of its own, which is closed when it is answered: an open socket would keep a deleted namespace alive. What sends packets
 * or changes something waits in one queue, so that no walk meets a host that is being changed; what only reads is answered
 * at once. Kept are the last walks and what the doctor counted, and while somebody listens the subscriptions.
 */

export type EngineOptions = {
  mode: Hello['mode']
  /** Whether apply and remove are there. */
  allowChanges: boolean
  /** Name of this host; in the lab it has its own. */
  host: string
  paths: StatePaths
  openKernel: () => Kernel
  push: (event: ServerEvent) => void
  /** What went wrong where nobody waits for the answer, in words. */
  words: (error: unknown) => string
  /** How long a change waits for another natspace, in milliseconds. */
  lockPatience?: number
  /** In the lab. */
  lab?: Lab
}

/** Milliseconds that a probe waits for its answer, unless told. */
const usualTimeout = 2000

const nothing: Nothing = {}

export class Engine implements Disposable {
  readonly #options: EngineOptions
  readonly #picture: PictureOptions
  readonly #findings = new Map<string, number>()
  readonly #ring = new WalkRing()
  readonly #pipelines = new Pipelines()
  readonly #queue = new WorkQueue()
  readonly #follows: Follows
  #live: Live | undefined
  #lacking: string[] | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    const { lab, push, words } = options
    const host = lab === undefined ? options.host : labHost
    const known = lab === undefined ? [] : labHosts
    this.#picture = { host, known, findings: this.#findings }
    this.#follows = new Follows(push, words)
  }

  /** What is done for each verb. */
  readonly handlers: Handlers = {
    hello: () => {
      const { mode, allowChanges } = this.#options
      this.#lacking ??= readLacking()
      const about = { mode, allowChanges, host: this.#picture.host, lacking: this.#lacking }
      return this.#with(({ kernel }) => helloOf(kernel, about))
    },
    topology: () => this.#with(context => this.#observe(context)),
    space: ({ name }) => this.#with(context => spaceDetails(context, spaceNamed(context, name))),
    walk: request => this.#queue.run(() => this.#walk(request)),
    walks: () => this.#ring.summaries(),
    walkById: ({ id }) => this.#ring.get(id),
    follow: request => this.#follow(request),
    unfollow: ({ id }) => {
      this.#follows.close(id)
      return nothing
    },
    doctor: ({ space: name, to }) =>
      this.#queue.run(() =>
        this.#with(async context => {
          const target = to === undefined ? undefined : parseTarget(to)
          const report = await doctorReport(context, spaceNamed(context, name), target)
          // A notice is no reason to call a space ill.
          const grave = report.findings.filter(({ severity }) => severity !== 'notice')
          this.#findings.set(name, grave.length)
          this.#live?.stir()
          return report
        }),
      ),
    schema: () => specSchema,
    spec: () => this.#with(context => ({ text: specText(context) })),
    plan: request =>
      this.#with(async context =>
        'text' in request
          ? planOfText(context, this.#picture, request.text)
          : planOfRemoval(context, this.#picture, request.remove.map(checkedName)),
      ),
    apply: ({ text }) => this.#change(context => applyText(context, text, this.#lockOptions)),
    remove: ({ names }) =>
      this.#change(context => removeSpaces(context, names.map(checkedName), this.#lockOptions)),
    lab: () => this.#lab.state,
    setLab: request => {
      const lab = this.#lab
      return this.#queue.run(() => this.#with(context => this.#setLab(context, lab, request)))
    },
    start: () => this.#start(),
    stop: () => {
      this.#stop()
      return nothing
    },
  }

  /** Runs `use` with a kernel of its own. */
  async #with<T>(use: (context: Context) => T | Promise<T>): Promise<T> {
    using kernel = this.#options.openKernel()
    return await use({ kernel, paths: this.#options.paths })
  }

  #observe(context: Context): Topology {
    return observeTopology(context, this.#picture)
  }

  async #walk({ space: name, to, timeout = usualTimeout }: Parameters<Handlers['walk']>[0]): Promise<Walk> {
    const target = parseTarget(to)
    const walk = await this.#with(async context => {
      const space = spaceNamed(context, name)
      const isOfLab = this.#options.lab !== undefined && name === network.space.name
      using captures = isOfLab ? ProbeCaptures.open(context.kernel, target) : undefined
      return await probeWalk(context, {
        id: this.#ring.nextId(),
        space,
        target,
        timeout,
        host: this.#picture.host,
        pipelines: this.#pipelines,
        topology: () => this.#live?.topology ?? this.#observe(context),
        ...(captures === undefined ? {} : { capturesOf: () => captures.read() }),
      })
    })
    this.#keep(walk)
    return walk
  }

  #keep(walk: Walk): void {
    this.#ring.add(walk)
    if (this.#live !== undefined) this.#options.push({ type: 'walk', follow: null, walk: summary(walk) })
  }

  #follow({ space: name, from, filter }: Parameters<Handlers['follow']>[0]): ReturnType<Handlers['follow']> {
    const origin = from === undefined ? undefined : parseOrigin(from)
    const compiled = readFilter(filter ?? '')
    const { paths, openKernel } = this.#options
    const kernel = openKernel()
    let space: ResolvedSpace
    try {
      space = spaceNamed({ kernel, paths }, name)
    } catch (error) {
      kernel[Symbol.dispose]()
      throw error
    }
    return this.#follows.open({
      request: {
        space: name,
        ...(from === undefined ? {} : { from }),
        ...(filter === undefined ? {} : { filter }),
      },
      space,
      from: origin,
      filter: compiled,
      paths,
      host: this.#picture.host,
      pipelines: this.#pipelines,
      topology: () => this.#live?.topology ?? this.#observe({ kernel, paths }),
      ring: this.#ring,
      kernel,
    })
  }

  /** A change, where changes are allowed. */
  async #change(change: (context: Context) => Promise<Applied>): Promise<Applied> {
    if (!this.#options.allowChanges) throw changesNotAllowed()
    const applied = await this.#queue.run(() => this.#with(change))
    // What the doctor said of them was about what was before.
    for (const name of applied.spaces) this.#findings.delete(name)
    this.#live?.stir()
    return applied
  }

  get #lockOptions(): { lockPatience?: number } {
    const { lockPatience } = this.#options
    return lockPatience === undefined ? {} : { lockPatience }
  }

  /** Throws NatspaceError NO_LAB. */
  get #lab(): Lab {
    const { lab } = this.#options
    if (lab !== undefined) return lab
    throw new NatspaceError({
      code: 'NO_LAB',
      exit: 1,
      what: 'cannot show the lab',
      why: 'the server was started for this host, and not for the lab',
      fix: ['start it with natspace ui --lab'],
    })
  }

  async #setLab(context: Context, lab: Lab, request: LabRequest): Promise<LabReport> {
    const tools = {
      pipelines: this.#pipelines,
      topology: (item: Context) => this.#observe(item),
      nextId: () => this.#ring.nextId(),
    }
    const report =
      'visit' in request ? await lab.visit(context, tools) : await lab.set(context, request.without, tools)
    this.#findings.clear()
    this.#keep(report.walk)
    this.#live?.stir()
    return report
  }

  #start(): Snapshot {
    const { paths, openKernel, push, words } = this.#options
    this.#live ??= new Live({
      paths,
      openKernel,
      push,
      observe: kernel => this.#observe({ kernel, paths }),
      words,
    })
    return {
      type: 'snapshot',
      topology: this.#live.topology,
      walks: this.#ring.summaries(),
      follows: this.#follows.list,
    }
  }

  #stop(): void {
    this.#live?.[Symbol.dispose]()
    this.#live = undefined
    this.#follows.closeAll()
  }

  /** Resolves when all that was asked for is over: a change that is under way must not end in the middle. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#follows[Symbol.dispose]()
  }
}
