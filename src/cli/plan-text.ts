import type { Operation } from '../space/reconcile/operation.ts'
import { printable } from '../space/spec/quote.ts'
import { type StepName, stepOf } from '../space/steps.ts'
import { shellOf } from '../space/text/shell.ts'
import type { Output } from './output.ts'
import { stepTitle, wrap } from './wrap.ts'

/** Commands of one operation that are shown; -v shows all. The table alone has some seventy. */
const shown = 4

/** A plan for a person: the steps with their reasons, and below each its operations as numbered commands. */
export const planLines = (
  title: string,
  operations: readonly Operation[],
  output: Pick<Output, 'style' | 'verbose'>,
): string[] => {
  const { bold, dim, cyan } = output.style
  if (operations.length === 0) return [`${title}: nothing to do`]
  const lines = [
    `${bold(title)}: ${operations.length} ${operations.length === 1 ? 'operation' : 'operations'}`,
  ]
  let step: StepName | undefined
  for (const [index, operation] of operations.entries()) {
    if (operation.step !== step) {
      step = operation.step
      const { number, title, why } = stepOf(step)
      lines.push('', cyan(stepTitle(number, title)))
      lines.push(...wrap(why, 96).map(line => `  ${dim(line)}`))
    }
    const commands = commandsOf(operation)
    const visible = output.verbose || commands.length <= shown + 1 ? commands : commands.slice(0, shown)
    lines.push(
      ...visible.map((command, at) => `${at === 0 ? `${index + 1}.`.padStart(5) : '     '} ${command}`),
    )
    if (visible.length < commands.length)
      lines.push(`      ${dim(`… and ${commands.length - visible.length} more (-v shows all)`)}`)
  }
  return lines
}

const commandsOf = ({ change }: Operation): string[] => {
  const commands = shellOf(change).flatMap(command => command.split('\n'))
  if (commands.length > 0) return commands
  return [
    'path' in change ? `${ownVerbs[change.type] ?? change.type} ${printable(change.path)}` : change.type,
  ]
}

/** natspace's own files and folders have no command. */
const ownVerbs: Partial<Record<Operation['change']['type'], string>> = {
  'directory.add': 'create the folder',
  'directory.delete': 'remove the folder',
  'file.write': 'write the file',
  'file.delete': 'remove the file',
  'mount.share': 'make a shared mount of',
  'mount.delete': 'unmount',
}
