import { add } from './add.ts'
import { parameters } from './parameters.ts'
import { questions } from './questions.ts'
import { removal } from './removal.ts'
import type { Conformance } from './types.ts'

/** All cases, in the order of the specification's sections. */
export const conformanceCases: readonly Conformance[] = [
  ...parameters,
  ...add,
  ...removal,
  ...questions,
].toSorted((one, other) => (one.section < other.section ? -1 : one.section > other.section ? 1 : 0))
