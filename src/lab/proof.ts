/** One claim, held against what was seen. The fields are those of `--json`. */
export type Proof = {
  name: string
  ok: boolean
  expected: string
  /** The evidence. */
  seen: string
}

/** What an observation came to. */
export type Finding = { ok: boolean; seen: string }

/** Makes a proof. What could not be observed is not proven: the error is then what was seen. */
export const prove = (name: string, expected: string, observe: () => Finding): Proof => {
  try {
    return { name, expected, ...observe() }
  } catch (error) {
    return { name, expected, ok: false, seen: error instanceof Error ? error.message : String(error) }
  }
}

/** Whether all proofs hold; no proofs at all prove nothing. */
export const allHold = (proofs: readonly Proof[]): boolean =>
  proofs.length > 0 && proofs.every(proof => proof.ok)
