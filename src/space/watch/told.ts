/** What was said of each space, so that nothing is said twice while it stays as it is. */
export class Told {
  readonly #texts = new Map<string, string>()

  get names(): string[] {
    return [...this.#texts.keys()]
  }

  /** Notes what is said of spaces; returns whether it is news of any of them. */
  isNews(names: readonly string[], what: unknown): boolean {
    const text = JSON.stringify(what)
    const isNew = names.some(name => this.#texts.get(name) !== text)
    for (const name of names) this.#texts.set(name, text)
    return isNew
  }

  forget(name: string): void {
    this.#texts.delete(name)
  }
}
