import { commandHelp, overview } from './help.ts'
import { loadCommands } from './registry.ts'
import { styleOf } from './style.ts'

/** The text of docs/command.md: what `natspace --help` and `natspace help COMMAND` print, and the form of `--json`. */
export const commandReference = async (): Promise<string> => {
  const plain = styleOf(false)
  const block = (lines: readonly string[]) => ['```text', ...lines, '```', '']
  const commands = await loadCommands()
  const sections = await Promise.all(
    commands.map(async command => [
      `## natspace ${command.name}`,
      '',
      ...block(await commandHelp(command, plain)),
    ]),
  )
  return [
    '# The command',
    '',
    'Made from the help of the command by `bun scripts/generate-command-reference.ts`; a test holds both equal.',
    '',
    ...block(await overview(plain)),
    '## JSON',
    '',
    'With `--json` every command prints one object on stdout, whatever becomes of it:',
    '',
    ...block([
      '{ "schemaVersion": 1, "command": "up", "data": …, "findings": […], "error": { "code", "what", "why", "evidence", "fix" } }',
    ]),
    '`error` is there only when the command failed. A finding is `{ code, severity, title, evidence, why, fix: { commands, undo }, hides }`.',
    'Data goes to stdout, messages to stderr. `natspace explain CODE` tells of every code.',
    '',
    ...sections.flat(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}
