/** A filter that cannot be read: where, why, and what to write instead. `column` counts characters from 1. */
export class FilterError extends Error {
  override readonly name = 'FilterError'
  readonly column: number
  readonly reason: string
  readonly hint: string | undefined

  constructor(column: number, reason: string, hint?: string) {
    super(`Cannot read the filter at column ${column}: ${reason}${hint === undefined ? '' : ` (${hint})`}`)
    this.column = column
    this.reason = reason
    this.hint = hint
  }
}
