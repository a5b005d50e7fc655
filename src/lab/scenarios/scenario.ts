import type { FaultCode } from '../../insight/doctor/catalogue.ts'
import type { Inbound } from '../../insight/doctor/checks/ports.ts'
import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import type { Destination } from '../../insight/doctor/facts.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { RawSpec } from '../../space/spec/types.ts'
import type { World } from './world.ts'

/** A fault that is made on purpose, for the doctor to find: how it is made, and what it must be called. */
export type Scenario = {
  /** What the doctor must name, alone. */
  code: FaultCode
  /** What is done, in a line. Several of one code are told apart by it. */
  title: string
  /**
   * The namespace is connected by hand and natspace knows nothing of it: by a cable of its own, or by a bridge that it
   * shares. Left out: natspace makes it.
   */
  byHand?: 'cable' | 'bridge'
  /** It is only a possibility, which the doctor tells as a note: nothing else may be named. */
  isNote?: true
  /** Codes that are named beside a note, as it only says something about them. */
  beside?: readonly FaultCode[]
  /** A setting without which this kernel cannot have the fault at all. */
  needs?: string
  /** What the space has beside the experiment's own spec. */
  spec?: RawSpec
  /** Where the doctor sends its probe; by default an echo to host2. */
  to?: Destination
  inbound?: Inbound
  /** What is there before the space is brought up. */
  before?(world: World): void
  /** Makes the fault, in the living space. */
  inject(world: World): void
}

/** Whether this kernel can have the fault. */
export const isPossible = ({ needs }: Scenario, kernel: Pick<Kernel, 'sysctl'>): boolean =>
  needs === undefined || kernel.sysctl(undefined, needs) !== undefined

/** What of a diagnosis answers the question of a scenario: the causes, or, for a possibility, the note of its code. */
export const namedBy = (
  { code, isNote, beside = [] }: Scenario,
  { causes, notes }: Diagnosis,
): FaultCode[] => [
  ...causes.map(cause => cause.code).filter(cause => !beside.includes(cause)),
  ...(isNote && notes.some(note => note.code === code) ? [code] : []),
]
