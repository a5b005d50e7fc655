/** A table of docs/publishing.md: what is published in each column, and who reaches it. */
export type Table = { columns: string[]; rows: Row[] }

/** Who connects, to which address, and what each column says of it. */
export type Row = { who: string; to: string; cells: string[] }

/**
 * The table below a heading of a Markdown text whose first column is `who connects`. Throws when there is none, or when a
 * row has another number of fields.
 */
export const tableBelow = (markdown: string, heading: string): Table => {
  const lines = markdown.split('\n')
  const start = lines.indexOf(heading)
  const head = lines.findIndex(
    (line, index) => start >= 0 && index > start && line.startsWith('| who connects'),
  )
  if (head < 0) throw new Error(`There is no table below ${heading}`)
  const columns = fieldsOf(lines[head] ?? '').slice(2)
  const rows: Row[] = []
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break
    const [who = '', to = '', ...cells] = fieldsOf(line)
    if (cells.length !== columns.length) throw new Error(`This row has another number of fields: ${line}`)
    rows.push({ who, to, cells })
  }
  return { columns, rows }
}

const fieldsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map(field => field.trim())
