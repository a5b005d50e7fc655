/** One message as a line: 64-bit numbers as numbers where they are exact, else as text; bytes as hex digits. */
export const toLine = (message: unknown): string =>
  `${JSON.stringify(message, function (this: Record<string, unknown>, key, item: unknown) {
    if (typeof item === 'bigint') return item <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(item) : String(item)
    // The value itself, as a Buffer would be an object of numbers by now.
    const bytes = this[key]
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : item
  })}\n`

const newline = 0x0a

/**
 * Cuts a stream of bytes into lines and hands each to `take`, without its end. A line of more than `longest` bytes is
 * what no honest end sends: `feed` throws RangeError before it has kept more than that.
 */
export class LineReader {
  readonly #take: (line: string) => void
  readonly #longest: number
  #parts: Uint8Array[] = []
  #kept = 0

  constructor(longest: number, take: (line: string) => void) {
    this.#longest = longest
    this.#take = take
  }

  feed(chunk: Uint8Array): void {
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, at))
      from = at + 1
      const line = Buffer.concat(this.#parts).toString('utf8')
      this.#parts = []
      this.#kept = 0
      this.#take(line)
    }
    this.#keep(chunk.subarray(from))
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return
    this.#kept += part.length
    if (this.#kept > this.#longest) throw new RangeError(`a line of more than ${this.#longest} bytes`)
    // A copy: the stream may use its buffer again.
    this.#parts.push(Buffer.from(part))
  }
}
