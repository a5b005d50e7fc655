import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { observeProbe } from '../insight/trace/observe.ts'
import { type Story, storyOf } from '../insight/trace/story.ts'
import { parseTarget } from '../insight/trace/target.ts'
import { down } from '../space/reconcile/down.ts'
import { publish, unpublish } from '../space/reconcile/publish.ts'
import { notFound, status } from '../space/reconcile/status.ts'
import type { SpaceStatus } from '../space/reconcile/types.ts'
import { parsePublish } from '../space/spec/publish.ts'
import { parsePublishedPort } from '../space/spec/published-port.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { recordedNames, recordPath } from '../space/state/records.ts'
import { checkedPaths, checkedTime } from './arguments.ts'
import { type FlowOptions, type FlowReport, followFlows } from './flows.ts'
import { inside } from './inside.ts'
import { followPackets, type PacketOptions, type PacketReport } from './packets.ts'
import {
  type MountOption,
  type Place,
  type ProgramResult,
  type RunOptions,
  runInside,
  spawnInside,
} from './programs.ts'
import { recordedSpace } from './recorded-space.ts'
import {
  lockOptions,
  type Surroundings,
  streamWithPrivilege,
  withContext,
  withPrivilege,
} from './surroundings.ts'

/**
 * A space that is up. It stays up when this object is forgotten, and when the process ends; `down` takes it away, and so
 * does the end of the block in which it was declared with `await using`.
 */
export class Space implements AsyncDisposable {
  readonly name: string
  /** '/run/netns/NAME' */
  readonly namespacePath: string
  /** Address inside the space. */
  readonly address: string
  /** Where the space has IPv6. */
  readonly address6: string | undefined
  /** The host's end of the cable: programs of the host are reached here, as far as `host` allows. */
  readonly gateway: string
  /** Names of both ends of the veth pair. */
  readonly hostInterface: string
  readonly interface: string
  readonly #surroundings: Surroundings

  /** Made by `up`, `upAll` and `open`. */
  constructor(space: ResolvedSpace, surroundings: Surroundings) {
    this.name = space.name
    this.namespacePath = space.namespacePath
    this.address = space.address
    this.address6 = space.ipv6?.address
    this.gateway = space.gateway
    this.hostInterface = space.hostInterface
    this.interface = space.interface
    this.#surroundings = surroundings
  }

  /**
   * Runs a synchronous function with this thread inside the space, for sockets: those that it creates stay there for good,
   * and can be used from anywhere. Throws as `inside`. Equivalent to: `nsenter --net=/run/netns/NAME`, for the time of the call
   */
  inside<T>(section: () => T): T {
    return inside(this.namespacePath, section)
  }

  /**
   * Starts a program in the space, with the options of node:child_process. It sees this host's files, but for those that would
   * lead nowhere from inside (`mounts`). What it cannot be given, it is told on standard error; exit status 125 means that
   * natspace failed, and not the program. Throws as `inside`, and TypeError for a channel ('ipc') without `mounts: false`.
   * Equivalent to: `natspace exec --as-root NAME COMMAND`
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    options: SpawnOptions & MountOption = {},
  ): ChildProcess {
    return spawnInside(this.#place(), command, args, options)
  }

  /** As `spawn`, to the end of the program. Throws ProgramFailure where that is not 0, with all that it printed. */
  exec(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<ProgramResult> {
    return runInside(this.#place(), command, args, options)
  }

  #place(): Place {
    const paths = checkedPaths(this.#surroundings.state)
    return { name: this.name, namespacePath: this.namespacePath, recordPath: recordPath(paths, this.name) }
  }

  /** How it is now: addresses, published ports and who reaches them, what differs. Throws NatspaceError NOT_FOUND. */
  status(): Promise<SpaceStatus> {
    return withContext(this.#surroundings, context => {
      const [found] = status(context, [this.name])
      if (found === undefined) throw notFound(this.name, recordedNames(context.kernel, context.paths))
      return found
    })
  }

  /** Publishes ports more, '8080:80' or '127.0.0.1:5353:53/udp'. Throws NatspaceError. Equivalent to: `natspace publish NAME SPEC` */
  async publish(...specs: string[]): Promise<void> {
    const ports = specs.map(spec => parsePublish(String(spec)))
    await withPrivilege(`cannot publish ports of ${this.name}`, this.#surroundings, context =>
      publish(context, this.name, ports, lockOptions(this.#surroundings)),
    )
  }

  /** Takes published ports back; connections through them end. Throws NatspaceError. Equivalent to: `natspace unpublish NAME SPEC` */
  async unpublish(...specs: string[]): Promise<void> {
    const ports = specs.map(spec => parsePublishedPort(String(spec)))
    await withPrivilege(`cannot take back ports of ${this.name}`, this.#surroundings, context =>
      unpublish(context, this.name, ports, lockOptions(this.#surroundings)),
    )
  }

  /**
   * Sends a probe to HOST[:PORT][/PROTOCOL] and tells its whole way, hook by hook, to the rule that drops it. `timeout` in
   * milliseconds. Throws NatspaceError. Equivalent to: `natspace trace NAME --to TARGET`
   */
  async trace(to: string, { timeout = 2000 }: { timeout?: number } = {}): Promise<Story> {
    const target = parseTarget(String(to))
    checkedTime('timeout', timeout)
    return await withPrivilege(`cannot trace a packet of ${this.name}`, this.#surroundings, async context => {
      const space = recordedSpace(context, this.name)
      const seen = await observeProbe(context.kernel, space, target, { timeout, pause: giveTurn })
      if (seen === undefined) throw new Error('the probe was given up')
      return storyOf(seen)
    })
  }

  /**
   * The connections that begin in the space, or come to it, each with its whole story as soon as that is over: what `trace`
   * tells of a probe, of real traffic. First a snapshot, when nothing is missed any more. Ends when the loop is left, or by
   * the signal; nothing is open afterwards. Throws NatspaceError (SPACE_WENT_DOWN, BAD_FILTER, BAD_ORIGIN, NOT_PERMITTED).
   * Equivalent to: `natspace trace NAME --follow --json`
   */
  flows(options: FlowOptions = {}): AsyncGenerator<FlowReport, void, undefined> {
    return streamWithPrivilege(`cannot follow the flows of ${this.name}`, this.#surroundings, context =>
      followFlows(context, recordedSpace(context, this.name), options),
    )
  }

  /**
   * The packets of the space at every point of their way, in the order of their times, and which of them are one and the same
   * before and after a translation. First a snapshot of the points, when nothing is missed any more. Ends when the loop is
   * left, or by the signal; nothing is open afterwards. Throws NatspaceError (SPACE_WENT_DOWN, BAD_FILTER, NO_CAPTURE_POINT,
   * NOT_PERMITTED). Equivalent to: `natspace capture NAME --json`
   */
  packets(options: PacketOptions = {}): AsyncGenerator<PacketReport, void, undefined> {
    return streamWithPrivilege(`cannot capture at ${this.name}`, this.#surroundings, context =>
      followPackets(context, recordedSpace(context, this.name), options),
    )
  }

  /** Takes the space down: nothing of it is left. Fine where it is gone already. Throws NatspaceError for what could not be removed. */
  async down(): Promise<void> {
    const { problems } = await withPrivilege(`cannot take down ${this.name}`, this.#surroundings, context =>
      down(context, [this.name], lockOptions(this.#surroundings)),
    )
    if (problems[0] !== undefined) throw problems[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }
}

/** Lets this process do other things while the answer is waited for; never gives up. */
const giveTurn = (): Promise<boolean> =>
  new Promise(resolve => {
    setImmediate(() => resolve(false))
  })
