/**
 * The engine below the library: what the command is made of, with its kernel and its state folder given by the caller. It
 * works on a kernel in memory as well (natspace/testing).
 *
 * @example
 * ```ts
 * import { down, LinuxKernel, statePaths, up, validateSpec } from 'natspace/engine'
 *
 * using kernel = new LinuxKernel()
 * const context = { kernel, paths: statePaths() }
 * await up(context, [validateSpec('web', { publish: ['8080:80'] })])
 * await down(context, ['web'])
 * ```
 * @module
 */
export type { Change, ChangeType, Outcome, Where } from './linux/change.ts'
export { ChangeError } from './linux/change.ts'
export type { Kernel, NamespaceState } from './linux/kernel.ts'
export { LinuxKernel } from './linux/linux.ts'
export type { Answer, Feature } from './linux/probe.ts'
export { probe, probeAll } from './linux/probe.ts'
export type { ErrorFacts, ExitStatus } from './space/errors.ts'
export { NatspaceError } from './space/errors.ts'
export { down, planDown } from './space/reconcile/down.ts'
export type { Drift, Operation } from './space/reconcile/operation.ts'
export { publish, unpublish } from './space/reconcile/publish.ts'
export { status } from './space/reconcile/status.ts'
export type {
  Blockade,
  Context,
  DownResult,
  Plan,
  PlanOptions,
  PublishedStatus,
  PublishResult,
  Reach,
  SpaceStatus,
  UpResult,
  Warning,
} from './space/reconcile/types.ts'
export { planUp, up } from './space/reconcile/up.ts'
export type { Onlooker, Phase, Progress } from './space/reconcile/work.ts'
export { parseSpecFile } from './space/spec/file.ts'
export type { PublishedPort } from './space/spec/published-port.ts'
export type { Publish, RawSpec, ResolvedSpace, SpaceSpec } from './space/spec/types.ts'
export { validateSpec } from './space/spec/validate.ts'
export type { StatePaths } from './space/state/records.ts'
export { statePaths } from './space/state/records.ts'
export type { Step, StepName } from './space/steps.ts'
export { steps } from './space/steps.ts'
export { KernelSigns } from './space/watch/kernel-signs.ts'
export type { Limits } from './space/watch/patience.ts'
export { usualLimits } from './space/watch/patience.ts'
export type { WatchEvent, WatchReport } from './space/watch/report.ts'
export type { WatchOptions } from './space/watch/watch.ts'
export { watch } from './space/watch/watch.ts'
export { version } from './version.ts'
