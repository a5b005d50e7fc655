/** A question that is asked at most once, and only if anybody wants to know. */
export const once = <T>(ask: () => T): (() => T) => {
  let answer: { value: T } | undefined
  return () => {
    answer ??= { value: ask() }
    return answer.value
  }
}
