/** Small choices that outlive the visit, such as the language. A browser that keeps nothing is no failure. */

/** What was kept under a name, if it is one of the choices. */
export function kept<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
  try {
    const value = localStorage.getItem(`natspace.${name}`)
    return choices.find(choice => choice === value)
  } catch {
    // Storage is forbidden here: then every visit is the first.
    return undefined
  }
}

/** Keeps a choice for the next visit. */
export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`natspace.${name}`, value)
  } catch {
    // As above.
  }
}
