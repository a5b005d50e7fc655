import type { Place } from './place.ts'

/**
 * What the kernel answered: it can, it cannot (`option`: the setting that would change that, mostly of the kernel's
 * configuration; `evidence`: its own words), or it could not be asked.
 */
export type Answer =
  | { answer: 'yes' }
  | { answer: 'no'; option: string; evidence: string }
  | { answer: 'unknown'; why: string }

/** What one question brought to light. An option is given where it is another than the one of the feature. */
export type Finding = 'yes' | { refused: string; option?: string } | { unclear: string }

/** Asks the kernel one question. What it throws means that the question could not be asked. */
export type Question = (place: Place) => Finding

/** How the kernel says that it does not have something. Every other refusal may have any other reason. */
export const missing: readonly string[] = ['ENOENT', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT']

/** The finding of a refusal: one of those that mean no, or an unclear one. */
export const findingOf = (
  refusal: (Error & { code: string }) | undefined,
  meansNo: readonly string[] = missing,
): Finding => {
  if (refusal === undefined) return 'yes'
  return meansNo.includes(refusal.code) ? { refused: refusal.message } : { unclear: refusal.message }
}
