/** One row of a table of docs/publishing.md: who connects, to which address, and what each published form gives. */
export type Row = { who: string; to: string; cells: string[] }

/**
 * The rows of the table below a heading of a Markdown text whose first column is `who connects`. Throws when there is none,
 * or when a row has another number of fields.
 */
export const rowsBelow = (markdown: string, heading: string): Row[] => {
  const lines = markdown.split('\n')
  const start = lines.indexOf(heading)
  const head = lines.findIndex((line, index) => start >= 0 && index > start && line.startsWith('| who connects'))
  if (head < 0) throw new Error(`There is no table below ${heading}`)
  const width = fieldsOf(lines[head] ?? '').length
  const rows: Row[] = []
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break
    const [who = '', to = '', ...cells] = fieldsOf(line)
    if (cells.length !== width - 2) throw new Error(`This row has ${cells.length + 2} fields of ${width}: ${line}`)
    rows.push({ who, to, cells })
  }
  return rows
}

/** The head of that table: what is published in each column. */
export const fieldsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map(field => field.trim())
