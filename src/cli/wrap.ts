/** Words in lines of at most `columns` characters; a longer word has a line of its own. */
export const wrap = (text: string, columns: number): string[] => {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** `Step 8: translate the source address`, or the title alone, with a capital letter. */
export const stepTitle = (number: number | undefined, title: string): string =>
  number === undefined ? title.charAt(0).toUpperCase() + title.slice(1) : `Step ${number}: ${title}`
