/** First in, first out, without moving all that waits whenever something leaves. */
export class Queue<T> {
  #items: T[] = []
  /** Place of the first one that is still here. */
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The one at so many places behind the first. */
  at(place: number): T | undefined {
    return this.#items[this.#first + place]
  }

  /** Takes so many of the first ones out. */
  take(count: number): T[] {
    const taken = this.#items.slice(this.#first, this.#first + count)
    this.#first += taken.length
    if (this.#first > this.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return taken
  }
}
