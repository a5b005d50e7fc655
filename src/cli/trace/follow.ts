import { FlowFollower, type FollowNews, type FollowOptions } from '../../insight/follow/flow-follower.ts'
import { goneTest } from '../../insight/follow/gone.ts'
import type { LeftOut } from '../../insight/follow/left-out.ts'
import type { TraceFileWriter } from '../../insight/trace/saved.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { NamespaceError } from '../../linux/sys/namespace.ts'
import { NatspaceError } from '../../space/errors.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { expectWorkOn } from '../jit.ts'
import { type Output, ReaderGone, toJson } from '../output.ts'
import { flowLines } from './flow-text.ts'
import { noteSignals } from './interruption.ts'
import { storyObjects } from './json.ts'
import { type ProgramOptions, type RunningProgram, startProgram } from './program.ts'
import { saving } from './save.ts'
import { lostText, summaryLines, summaryObject } from './summary.ts'
import { Tally } from './tally.ts'
import type { Outcome } from './verdicts.ts'

/** Longest waits for something to read: while something is under way, and while nothing is. Milliseconds. */
const slice = 20
const idleSlice = 100
/** Events gather for so long, as reading them one by one costs more. */
const gathering = 2
/** For so long the last packets are waited for when the program has ended. Milliseconds. */
const settling = 100

/** Exit status when a flow was dropped or lost. */
const foundDrop = 3

export type FollowRequest = {
  kernel: Kernel
  space: ResolvedSpace
  follow: FollowOptions
  /** Which stories are told, and after how many it is over. */
  verdicts: ReadonlySet<Outcome>
  limit: number | undefined
  /** A program whose flows are followed while it runs. */
  program: { command: readonly string[]; options: ProgramOptions } | undefined
  /** What is told is kept there too. */
  file: TraceFileWriter | undefined
  output: Output
}

type Ending = 'limit' | 'signal' | 'program' | 'gone'

/** Follows flows, and tells their stories as they end. Returns the exit status. */
export const followFlows = async (request: FollowRequest): Promise<number> => {
  const { kernel, space, program } = request
  // It runs for long, and each packet is as much work as a space.
  expectWorkOn(Number.POSITIVE_INFINITY)
  const signalled = program === undefined ? noteSignals() : () => undefined
  using follower = new FlowFollower(kernel, space, request.follow)
  const teller = new Teller(request)
  teller.begin()
  const running =
    program === undefined ? undefined : startProgram(space.name, program.command, program.options)
  const isGone = goneTest(kernel, space)
  let ending: Ending | undefined
  while (ending === undefined) {
    ending = turn(follower, teller, isGone) ?? endingOf(teller, running, follower, signalled, isGone)
    if (ending !== undefined) break
    follower.wait(running === undefined && follower.open === 0 ? idleSlice : slice)
    await pause(gathering)
  }
  teller.summary(follower, ending === 'gone' ? { beginnings: 0, others: 0 } : follower.leftOut())
  follower[Symbol.dispose]()
  if (running !== undefined) await ended(running)
  if (ending === 'gone') throw wentDown(space.name, teller.tally)
  return signalled() ?? (teller.tally.hasFault ? foundDrop : (running?.status ?? 0))
}

/** Reads and tells what has come. With the namespace what is asked for there goes away. */
const turn = (
  follower: FlowFollower,
  teller: Teller,
  isGone: (now?: 'now') => boolean,
): Ending | undefined => {
  try {
    for (const news of follower.turn()) teller.tell(news)
    return undefined
  } catch (error) {
    if (error instanceof NamespaceError && isGone('now')) return 'gone'
    throw error
  }
}

const endingOf = (
  teller: Teller,
  running: RunningProgram | undefined,
  follower: FlowFollower,
  signalled: () => number | undefined,
  isGone: () => boolean,
): Ending | undefined => {
  if (teller.isFull) return 'limit'
  if (signalled() !== undefined) return 'signal'
  const { endedAt } = running ?? {}
  if (endedAt !== undefined && performance.now() - endedAt >= settling && follower.open === 0)
    return 'program'
  return isGone() ? 'gone' : undefined
}

/** When enough was told, the program still runs to its end. */
const ended = async (running: RunningProgram): Promise<void> => {
  while (running.status === undefined) await pause(slice)
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds)
  })

const wentDown = (name: string, tally: Tally): NatspaceError =>
  new NatspaceError({
    code: 'SPACE_WENT_DOWN',
    exit: 1,
    what: `cannot follow the flows of ${name} any longer`,
    why: 'the space went down meanwhile',
    evidence: [`until then: ${tally.text}`],
    fix: [`bring it up again: natspace up ${name}`],
  })

/** Tells stories, as text or as JSON, and counts them. */
class Teller {
  readonly tally = new Tally()
  readonly #request: FollowRequest
  #hasReader = true

  constructor(request: FollowRequest) {
    this.#request = request
  }

  get isFull(): boolean {
    return this.tally.total >= (this.#request.limit ?? Number.POSITIVE_INFINITY)
  }

  /** From here on flows are followed. */
  begin(): void {
    const { output, space, program, file } = this.#request
    const { name, interface: inner, hostInterface, uplink = null } = space
    const snapshot = { type: 'snapshot', space: name, interface: inner, hostInterface, uplink } as const
    saving(() => file?.write(snapshot))
    if (output.json) this.#lines([toJson(snapshot)])
    else if (program === undefined) output.note(`following the flows of ${name}; Ctrl-C ends it`)
  }

  tell(news: FollowNews): void {
    const { output, verdicts } = this.#request
    const { file } = this.#request
    if (news.type === 'lost') {
      saving(() => file?.write(news))
      if (output.json) this.#lines([toJson(news)])
      else output.messages([lostText(news.place)])
      return
    }
    const { story, flow, observation } = news
    if (this.isFull || !verdicts.has(story.end.outcome)) return
    this.tally.add(story.end.outcome, observation.hasGap)
    saving(() => file?.write({ type: 'flow', flow, observation }))
    this.#lines(
      output.json
        ? storyObjects(story, flow).map(toJson)
        : flowLines(flow, story, output.style, output.verbose),
    )
  }

  /** What was told, and what was not. */
  summary({ open, skipped }: FlowFollower, { beginnings, others }: LeftOut): void {
    const { output, file } = this.#request
    const untold = { open, skipped, leftOut: beginnings + others }
    saving(() => {
      file?.write({ type: 'summary', ...untold })
      file?.finish()
    })
    if (output.json) this.#lines([toJson(summaryObject(this.tally, untold))])
    else for (const text of summaryLines(this.tally, untold)) output.note(text)
  }

  /** A program that runs is not ended by a reader who has enough. */
  #lines(lines: string[]): void {
    if (!this.#hasReader) return
    try {
      this.#request.output.lines(lines)
    } catch (error) {
      if (!(error instanceof ReaderGone) || this.#request.program === undefined) throw error
      this.#hasReader = false
    }
  }
}
