import type { Change } from '../../linux/change.ts'
import type { StepName } from '../steps.ts'

/** One operation: a change with the reason for it and the way back. Pure data. */
export type Operation = {
  change: Change
  /** What takes the change back, in order; [] where another operation's undo takes it along. */
  undo: Change[]
  step: StepName
  /** The space it is for; undefined when it serves all spaces. */
  space: string | undefined
}

/** One thing that is not as it should be. */
export type Drift = {
  /** What is meant: 'address veth1 192.168.45.2/24'. */
  resource: string
  step: StepName
  space: string | undefined
  expected: string
  found: string
  /** What is missing as long as it is so, where it is not what the step is for. */
  without?: string
}
