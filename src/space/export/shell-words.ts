/**
 * The words of a command as quoteShell writes it; undefined where only a shell can run it: several commands, a pipe, a
 * here-document, or a word that printf(1) has to spell.
 */
export const shellWords = (command: string): string[] | undefined => {
  if (/[\n`]|\$\(|<<|&&|\|/.test(command.replace(/'[^']*'/g, ''))) return undefined
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < command.length; at++) {
    const character = command[at] as string
    if (character === ' ') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (character === "'") {
      const end = command.indexOf("'", at + 1)
      if (end < 0) return undefined
      word = (word ?? '') + command.slice(at + 1, end)
      at = end
    } else if (character === '\\') word = (word ?? '') + (command[++at] ?? '')
    else if (character === '"') return undefined
    else word = (word ?? '') + character
  }
  return word === undefined ? words : [...words, word]
}
