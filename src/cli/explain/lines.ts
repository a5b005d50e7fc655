import type { ResolvedSpace } from '../../space/spec/types.ts'
import { type Step, steps } from '../../space/steps.ts'
import { stepCommands } from '../../space/text/by-hand.ts'
import { type Evidence, stepEvidence } from '../../space/text/evidence.ts'
import type { Outside, Topic } from '../../space/text/topics.ts'
import { codes } from '../codes.ts'
import type { Style } from '../style.ts'
import { stepTitle, wrap } from '../wrap.ts'

const width = 100

/** The numbers of the steps, in order. */
export const stepNumbers: readonly number[] = steps.flatMap(({ number }) => number ?? [])

const indented = (text: string, indent = '  ', first = indent): string[] =>
  wrap(text, width - indent.length).map((line, index) => (index === 0 ? first : indent) + line)

/** What is going to be told, and with whose values. */
export const introduction = (space: ResolvedSpace | undefined, { bold }: Style): string[] => [
  bold(
    space === undefined
      ? 'How a namespace gets its network, with the values of an example'
      : `How the space ${space.name} gets its network, with its own values`,
  ),
  ...indented(
    'A network namespace is like another computer, plugged into this host by a cable. Nine steps connect it to the outside through NAT; natspace takes them all, and can show, check and undo each.',
  ),
]

/**
 * One step: why it is needed, what is seen without it, how it was done by hand, how natspace does it, and which command
 * shows it.
 */
export const stepLines = (
  { name, number, title, why, without }: Step,
  space: ResolvedSpace,
  outside: Outside,
  style: Style,
): string[] => {
  const { bold, dim } = style
  const { byHand, natspace, note } = stepCommands(space, name)
  const isLeftOut =
    space.internal && (name === 'default-route' || name === 'masquerade') && natspace.length === 0
  const list = (label: string, commands: readonly string[]) =>
    commands.map((command, index) => `  ${dim((index === 0 ? label : '').padEnd(11))}${command}`)
  return [
    bold(stepTitle(number, title)),
    ...indented(why),
    ...indented(`Without it: ${without}`),
    ...list('by hand', byHand),
    ...list('natspace', isLeftOut ? ['leaves it out, as the space is internal'] : natspace),
    ...(note === undefined ? [] : indented(note)),
    ...evidenceLines([stepEvidence(space, name, outside)], style),
  ]
}

/** Which command shows it on the running space, and what to look for. */
const evidenceLines = (evidence: readonly Evidence[], { dim }: Style): string[] =>
  evidence.map(({ command, shows }) => `  ${dim('evidence'.padEnd(11))}${command}  ${dim(`(${shows})`)}`)

/** A topic: paragraphs, numbered points, what follows from them, and which command shows it. */
export const topicLines = ({ title, paragraphs, points, after, evidence }: Topic, style: Style): string[] => [
  style.bold(title),
  ...paragraphs.flatMap(text => indented(text)),
  ...points.flatMap((text, index) => indented(text, '     ', `  ${index + 1}. `)),
  ...after.flatMap(text => indented(text)),
  ...evidenceLines(evidence, style),
]

/** A code: what happened, when that happens, and what to do. */
export const codeLines = (code: string, { bold, dim }: Style): string[] => {
  const text = codes[code]
  if (text === undefined) return []
  return [
    `${bold(code)}: ${text.title}`,
    ...indented(text.meaning),
    ...indented(text.remedy, '           ', `  ${dim('to do')}    `),
  ]
}
