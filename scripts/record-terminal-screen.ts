/**
 * What a terminal shows of a program's output, with the moment at which each character came: lines that only grow. It knows
 * what natspace and the programs beside it print (text, CR, LF, backspace, and SGR of ECMA-48 for weight and colour), and
 * refuses anything else, rather than draw a picture that no terminal shows.
 */

/** `style` is a list of the letters of `letters` below, in the order of the alphabet; '' is plain text. */
export type Cell = { character: string; style: string; at: number }

/** A stretch of a line that came at once and looks alike. */
export type Run = { text: string; style: string; at: number; column: number }

/** The letter of each SGR code that switches something on, and those that each code switches off. */
const letters: Readonly<Record<number, string>> = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 33: 'y', 36: 'c' }
const offs: Readonly<Record<number, RegExp>> = { 0: /./g, 22: /[bd]/g, 39: /[rgyc]/g }

export class Screen {
  readonly columns: number
  readonly lines: Cell[][] = [[]]
  /** When each line began to be there. */
  readonly began: number[] = [0]
  #column = 0
  #style = ''

  constructor(columns: number) {
    this.columns = columns
  }

  /** Where the next character goes. */
  get cursor(): { line: number; column: number } {
    return { line: this.lines.length - 1, column: this.#column }
  }

  /** Adds output that came at `at`, in milliseconds. Throws an Error at a control sequence that is none of the above. */
  write(text: string, at: number): void {
    for (const [part, codes] of text.matchAll(/\x1b\[([\d;]*)m|[\s\S]/gu)) {
      if (codes !== undefined) this.#restyle(codes)
      else this.#put(part, at)
    }
  }

  #restyle(codes: string): void {
    for (const code of codes.split(';').map(Number)) {
      const off = offs[code]
      const letter = letters[code]
      if (off !== undefined) this.#style = this.#style.replaceAll(off, '')
      else if (letter === undefined) throw new Error(`SGR ${code} has no drawing`)
      else this.#style = [...new Set([...this.#style, letter])].toSorted().join('')
    }
  }

  #put(character: string, at: number): void {
    if (character === '\n') this.#newLine(at)
    else if (character === '\r') this.#column = 0
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (/\p{Cc}/u.test(character))
      throw new Error(`the control character ${JSON.stringify(character)} has no drawing`)
    else {
      if (this.#column === this.columns) {
        this.#newLine(at)
        this.#column = 0
      }
      const line = this.lines.at(-1) ?? []
      while (line.length < this.#column) line.push({ character: ' ', style: '', at })
      line[this.#column] = { character, style: this.#style, at }
      this.#column += 1
    }
  }

  /** A line feed alone stays in its column. */
  #newLine(at: number): void {
    this.lines.push([])
    this.began.push(at)
  }

  /** The stretches of a line, without blanks at their ends. */
  runs(index: number): Run[] {
    const runs: Run[] = []
    for (const [column, { character, style, at }] of (this.lines[index] ?? []).entries()) {
      const last = runs.at(-1)
      if (last !== undefined && last.style === style && last.at === at) last.text += character
      else runs.push({ text: character, style, at, column })
    }
    return runs
      .map(run => {
        const text = run.text.trimStart()
        return { ...run, column: run.column + run.text.length - text.length, text: text.trimEnd() }
      })
      .filter(run => run.text !== '')
  }
}
