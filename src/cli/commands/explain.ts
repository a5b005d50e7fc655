import type { NatspaceError } from '../../space/errors.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { parseName } from '../../space/spec/validate.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { type Step, steps } from '../../space/steps.ts'
import { articleSpace } from '../../space/text/article-space.ts'
import { stepCommands } from '../../space/text/by-hand.ts'
import { stepEvidence } from '../../space/text/evidence.ts'
import { articleOutside, outsideOf, type TopicName, topics } from '../../space/text/topics.ts'
import { codes } from '../codes.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { codeLines, introduction, stepLines, stepNumbers, topicLines } from '../explain/lines.ts'
import { type Options, usageError } from '../options.ts'
import type { Style } from '../style.ts'

const options = {} as const satisfies Options
type ExplainInput = Input<typeof options>

/** What was asked for: everything, a step, a topic, or a code. */
type Subject =
  | { kind: 'all' }
  | { kind: 'step'; step: Step }
  | { kind: 'topic'; name: TopicName }
  | { kind: 'code'; code: string }

const topicNames = Object.keys(topics) as TopicName[]
const numbered = steps.filter(step => step.number !== undefined)

const run = async ({ positionals, output, environment }: ExplainInput): Promise<number> => {
  const [first, second, extra] = positionals
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      'natspace explain takes a STEP or CODE, and a NAME',
      ['natspace explain --help'],
    )
  const known = first === undefined ? ({ kind: 'all' } as const) : subjectOf(first)
  const name = known === undefined ? first : second
  if (known === undefined && second !== undefined) throw unknownTopic(first ?? '')
  const subject = known ?? { kind: 'all' }
  const space = subject.kind === 'code' ? undefined : spaceFor(name, environment)
  if (output.json) output.object('explain', dataOf(subject, space))
  else output.lines(linesOf(subject, space, output.style))
  return 0
}

/** A number, a name of a step, a topic or a code; undefined when it is none of them. */
const subjectOf = (word: string): Subject | undefined => {
  const step = steps.find(({ name, number }) => name === word || String(number) === word)
  if (step !== undefined) return { kind: 'step', step }
  const topic = topicNames.find(name => name === word)
  if (topic !== undefined) return { kind: 'topic', name: topic }
  const code = word.toUpperCase()
  return Object.hasOwn(codes, code) ? { kind: 'code', code } : undefined
}

/**
 * The space to explain with: the one that was named, or the only one there is; otherwise undefined. Throws NatspaceError
 * UNKNOWN_TOPIC (exit 2) when a name was given and is none.
 */
const spaceFor = (
  name: string | undefined,
  environment: ExplainInput['environment'],
): ResolvedSpace | undefined => {
  const { kernel, paths } = openContext(environment)
  using _kernel = kernel
  if (name !== undefined) {
    parseName(name, optionSite(['name']))
    const record = readSpaceRecord(kernel, paths, name)
    if (record === undefined) throw unknownTopic(name)
    return record.space
  }
  try {
    const [only, ...others] = recordedNames(kernel, paths)
    return only === undefined || others.length > 0 ? undefined : readSpaceRecord(kernel, paths, only)?.space
  } catch {
    // An ordinary user may not look into the state folder, and a broken record explains nothing: the example will do.
    return undefined
  }
}

const unknownTopic = (word: string): NatspaceError => {
  const near = suggest(word, [...Object.keys(codes), ...topicNames, ...steps.map(step => step.name)])
  return usageError(
    'UNKNOWN_TOPIC',
    `Cannot explain ${quote(word)}`,
    near === undefined
      ? 'it is no step, topic, code or space'
      : `it is no step, topic, code or space; did you mean ${near}?`,
    [
      `steps: 1 to 9; topics: ${[...topicNames, 'publish', 'guard'].join(', ')}`,
      'natspace explain tells everything in order',
    ],
  )
}

const linesOf = (subject: Subject, space: ResolvedSpace | undefined, style: Style): string[] => {
  const values = space ?? articleSpace
  const outside = space === undefined ? articleOutside : outsideOf(space)
  const about = (name: TopicName) => topicLines(topics[name](values, outside), style)
  switch (subject.kind) {
    case 'code':
      return codeLines(subject.code, style)
    case 'step':
      return [
        ...stepLines(subject.step, values, outside, style),
        ...(subject.step.name === 'publish' ? ['', ...about('inbound')] : []),
      ]
    case 'topic':
      return about(subject.name)
    case 'all':
      return [
        ...introduction(space, style),
        ...numbered.flatMap(step => ['', ...stepLines(step, values, outside, style)]),
        ...(['walk', 'reply', 'inbound', 'policy'] as const).flatMap(name => ['', ...about(name)]),
        ...steps
          .filter(({ name }) => name === 'publish' || name === 'guard')
          .flatMap(step => ['', ...stepLines(step, values, outside, style)]),
      ]
  }
}

const dataOf = (subject: Subject, space: ResolvedSpace | undefined) => {
  const values = space ?? articleSpace
  const outside = space === undefined ? articleOutside : outsideOf(space)
  const stepData = (step: Step) => ({
    ...step,
    number: step.number ?? null,
    ...stepCommands(values, step.name),
    evidence: stepEvidence(values, step.name, outside),
  })
  const base = { space: space?.name ?? null, isExample: space === undefined }
  switch (subject.kind) {
    case 'code':
      return { code: subject.code, ...codes[subject.code] }
    case 'step':
      return { ...base, steps: [stepData(subject.step)], topics: [] }
    case 'topic':
      return { ...base, steps: [], topics: [topics[subject.name](values, outside)] }
    case 'all':
      return {
        ...base,
        steps: steps.filter(({ name }) => name !== 'record').map(stepData),
        topics: topicNames.map(name => topics[name](values, outside)),
      }
  }
}

export const explainCommand = defineCommand({
  name: 'explain',
  summary: 'explain the steps, how packets walk, what a space may reach, or the code of an error',
  usage: ['[STEP|TOPIC|CODE] [NAME]'],
  about: [
    `STEP is a number from 1 to ${stepNumbers.at(-1)}, or publish or guard; TOPIC is one of ${topicNames.join(', ')}; CODE stands at the end of every message. Without any of them everything is told in order. Each step and topic has its evidence: the command that shows it on a space that is up; natspace lab run proves them all.`,
    'The values are those of the space NAME, or of the only one that is up; when there is none, those of an example.',
  ],
  options,
  completes: [...stepNumbers.map(String), 'publish', 'guard', ...topicNames, ...Object.keys(codes)],
  examples: [
    { command: 'natspace explain', does: 'everything, in order' },
    { command: 'natspace explain 8 web', does: 'what step 8 is for, with the values of the space web' },
    { command: 'natspace explain policy web', does: 'what the space web may reach' },
    { command: 'natspace explain OVERLAP', does: 'what a code means, and what to do' },
  ],
  run,
})
