import { compare } from '../../insight/predict/compare.ts'
import { readTraces, type SavedFlow, TraceFileError } from '../../insight/trace/saved.ts'
import { type Story, storyOf } from '../../insight/trace/story.ts'
import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { readParts } from '../../linux/sys/files.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import { usageError } from '../options.ts'
import { type Output, toJson } from '../output.ts'
import { flowLines } from './flow-text.ts'
import { storyObjects } from './json.ts'
import { comparisonObjects } from './predict-json.ts'
import { comparisonLines } from './predict-text.ts'
import { Tally } from './tally.ts'
import { storyLines } from './text.ts'

/** Exit status when a flow was dropped or lost. */
const foundDrop = 3

/**
 * Tells the stories of a file of --save as they were told then; `-` is stdin. Needs no privilege, no network and no space.
 * Returns the exit status of then, as far as flows decided it. Throws NatspaceError (exit 2) NO_FILE, BAD_TRACE_FILE.
 */
export const replayTraces = (path: string, output: Output): number => {
  using file = open(path)
  const tally = new Tally()
  try {
    for (const saved of readTraces(readParts(file.number)).lines) {
      if (saved.type === 'flow') tally.add(tell(saved, output).end.outcome)
      else if (output.json)
        output.lines([toJson(saved.type === 'lost' ? saved : { ...saved, ...tally.object, type: 'summary' })])
    }
  } catch (error) {
    if (error instanceof TraceFileError) throw badFile(path, error)
    if (error instanceof SystemError) throw noFile(path, error)
    throw error
  }
  return tally.hasFault ? foundDrop : 0
}

const open = (path: string): Descriptor => {
  try {
    return path === '-' ? new Descriptor(0) : Descriptor.open(path, openFlags.readOnly)
  } catch (error) {
    if (error instanceof SystemError) throw noFile(path, error)
    throw error
  }
}

const tell = ({ flow, observation, prediction }: SavedFlow, output: Output): Story => {
  const story = storyOf(observation)
  const { style, verbose, json } = output
  if (prediction !== undefined) {
    const comparison = compare(prediction, story)
    output.lines(
      json
        ? comparisonObjects(prediction, story, comparison).map(toJson)
        : [
            ...storyLines(story, style, verbose),
            ...comparisonLines(comparison, prediction, story, style, verbose),
          ],
    )
  } else if (json) output.lines(storyObjects(story, flow).map(toJson))
  else
    output.lines(
      flow === undefined ? storyLines(story, style, verbose) : flowLines(flow, story, style, verbose),
    )
  return story
}

const badFile = (path: string, { line, field, reason }: TraceFileError): NatspaceError =>
  new NatspaceError({
    code: 'BAD_TRACE_FILE',
    exit: 2,
    what: `cannot replay ${quote(path)}`,
    why: reason,
    evidence: [field === undefined ? `line ${line}` : `line ${line}, field ${quote(field)}`],
    fix: ['name a file that natspace trace --save wrote'],
  })

const noFile = (path: string, error: SystemError): NatspaceError =>
  usageError('NO_FILE', `Cannot read ${quote(path)}`, error.message, [
    'name a file of natspace trace --save, or - for stdin',
  ])
