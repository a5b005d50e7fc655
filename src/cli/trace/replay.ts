import { readTraces, type SavedFlow, TraceFileError } from '../../insight/trace/saved.ts'
import { type Story, storyOf } from '../../insight/trace/story.ts'
import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { readParts } from '../../linux/sys/files.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import { optionName, usageError } from '../options.ts'
import { type Output, toJson } from '../output.ts'
import { flowLines } from './flow-text.ts'
import { storyObjects } from './json.ts'
import { printCompared } from './predict.ts'
import { lostText, summaryLines, summaryObject, type Untold } from './summary.ts'
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
      if (saved.type === 'flow')
        tally.add(tell(saved, output).end.outcome, saved.flow !== undefined && saved.observation.hasGap)
      else if (saved.type === 'summary') tellSummary(tally, saved, output)
      else if (output.json) output.lines([toJson(saved)])
      else if (saved.type === 'lost') output.messages([lostText(saved.place)])
    }
  } catch (error) {
    if (error instanceof TraceFileError) throw badFile(path, error)
    if (error instanceof SystemError) throw noFile(path, error)
    throw error
  }
  return tally.hasFault ? foundDrop : 0
}

const tellSummary = (tally: Tally, untold: Untold, output: Output): void => {
  if (output.json) output.lines([toJson(summaryObject(tally, untold))])
  else for (const text of summaryLines(tally, untold)) output.note(text)
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
  if (prediction !== undefined) printCompared(prediction, story, output)
  else if (json) output.lines(storyObjects(story, flow).map(toJson))
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

/** Options of every command, and the one itself: how something is told, and not what. */
const allowed: readonly string[] = ['replay', 'json', 'quiet', 'verbose', 'color']

/** Throws NatspaceError (exit 2) for what says what is to be traced: a file is told as it is. */
export const refuseBesideReplay = (options: readonly string[], positionals: readonly string[]): void => {
  const [extra] = positionals
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      '--replay tells what a file holds, of whichever space',
      ['natspace trace --replay FILE'],
    )
  const other = options.find(key => !allowed.includes(key))
  if (other !== undefined)
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot use ${optionName(other)} with --replay`,
      'a file is told as it is',
      ['natspace trace --replay FILE [-v|--json]'],
    )
}
