/** The recipes of docs/cookbook.md, read from the document itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Recipe = {
  title: string
  /** The block of commands, exactly as it stands. */
  commands: string
  /** Lines that must be seen, in this order; `…` is anything. */
  output: string[]
  /** The commands that take it back; empty where nothing is left. */
  undo: string
}

const block = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, body = '']) => body,
  )

/** One recipe of its section. Throws an Error where a part is missing, or there are two of it. */
const parse = (section: string): Recipe => {
  const title = section.slice(0, section.indexOf('\n')).trim()
  const commands = block(section, 'sh')
  const output = block(section, 'text')
  const undo = [...section.matchAll(/^Take it back: (?:`(.+)`|nothing is left\.)$/gm)]
  if (commands.length !== 1 || output.length > 1 || undo.length !== 1)
    throw new Error(
      `'${title}' has ${commands.length} blocks of commands, ${output.length} of output, ${undo.length} ways back`,
    )
  const lines = output[0]?.split('\n').filter(line => line !== '') ?? []
  return { title, commands: commands[0] ?? '', output: lines, undo: undo[0]?.[1] ?? '' }
}

/** All recipes, in their order. */
export const readRecipes = (): Recipe[] =>
  readFileSync(join(import.meta.dirname, '../../../docs/cookbook.md'), 'utf8')
    .split(/^## /m)
    .slice(1)
    .map(parse)

/** The first of the lines that `output` does not have after those before it, or undefined when all are there. */
export const missingLine = (lines: readonly string[], output: string): string | undefined => {
  const printed = output.split('\n').map(line => line.trimEnd())
  let from = 0
  for (const line of lines) {
    const words = line.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const pattern = new RegExp(`^${words.join('.*')}$`)
    const found = printed.findIndex((candidate, index) => index >= from && pattern.test(candidate))
    if (found === -1) return line
    from = found + 1
  }
  return undefined
}
