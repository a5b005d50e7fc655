/**
 * natspace as a library: connect network namespaces to the outside through NAT, run programs and sockets in them, see them,
 * and undo it without a trace. It needs the privileges that the command needs, and sees the same spaces.
 *
 * @example
 * ```ts
 * import * as natspace from 'natspace'
 *
 * await using space = await natspace.up({ name: 'web', publish: ['8080:80'] })
 * const { stdout } = await space.exec('ip', ['route'])
 * ```
 *
 * The engine with a kernel of one's own is in `natspace/engine`; netlink, nftables, connection tracking and packets, each
 * usable alone, in `natspace/netlink`, `natspace/nftables`, `natspace/conntrack`, `natspace/packet`; what helps tests in
 * `natspace/testing`.
 * @module
 */

export type { StoryEvent } from './insight/trace/events.ts'
export type { StoryEnd } from './insight/trace/outcome.ts'
export type { Story } from './insight/trace/story.ts'
export { down, gc, list, open, plan, status, up, upAll } from './library/calls.ts'
export { type ChangesOptions, changes } from './library/changes.ts'
export type { FlowOptions, FlowReport } from './library/flows.ts'
export { inside } from './library/inside.ts'
export type { PacketOptions, PacketPoint, PacketReport, SeenPacket } from './library/packets.ts'
export { type MountOption, ProgramFailure, type ProgramResult, type RunOptions } from './library/programs.ts'
export { Space } from './library/space.ts'
export type { SpaceOptions } from './library/specs.ts'
export type { Surroundings } from './library/surroundings.ts'
export type { ErrorFacts, ExitStatus } from './space/errors.ts'
export { NatspaceError } from './space/errors.ts'
export type { GcResult } from './space/reconcile/gc.ts'
export type { Drift, Operation } from './space/reconcile/operation.ts'
export type {
  DownResult,
  Plan,
  PublishedStatus,
  SpaceStatus,
  Warning,
} from './space/reconcile/types.ts'
export type { Phase, Progress } from './space/reconcile/work.ts'
export type { RawSpec } from './space/spec/types.ts'
export type { WatchEvent, WatchReport } from './space/watch/report.ts'
export { version } from './version.ts'
