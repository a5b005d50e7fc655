import type { Kernel } from '../linux/kernel.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import type { Proof } from './proof.ts'
import type { Teller } from './teller.ts'

/** What a part of the experiment is played with; `resolved` is the space as `up` has completed it. */
export type Stage = { kernel: Kernel; resolved: ResolvedSpace; teller: Teller }

/** What was proven, and the tables behind it as data: fields beside `proofs` in the output of `--json`. */
export type LabResult = { proofs: Proof[]; tables: Record<string, unknown> }
