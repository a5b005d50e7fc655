/** A table of text: columns as wide as their widest cell, two blanks apart. Cells must be printable already. */
export const table = (
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paintHeading: (text: string) => string = text => text,
): string[] => {
  const widths = headings.map((heading, column) =>
    rows.reduce((width, row) => Math.max(width, widthOf(row[column] ?? '')), widthOf(heading)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd()
  return [paintHeading(line(headings)), ...rows.map(line)]
}

/** Columns on the screen, colours not counted. Names and addresses are ASCII or escaped, so a character is a column. */
const widthOf = (text: string): number => Array.from(text.replace(/\x1b\[\d+m/g, '')).length
