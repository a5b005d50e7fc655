import { isTerminal } from '../linux/sys/files.ts'
import { isInForeground, isWritableNow, terminalWidth } from '../linux/sys/terminal.ts'
import type { Phase } from '../space/reconcile/work.ts'
import type { Looked } from './look-on.ts'
import { type Output, processSink } from './output.ts'

/**
 * Theory of operation. How far a command has come is one line on stderr, written over itself and erased before anything else
 * is printed, so that the output is the same with and without it. It is written only where a person looks: to a terminal
 * that can do it, in the foreground, and never where that would keep the command waiting.
 */

const words: Readonly<Record<Phase, { title: string; one: string; many: string }>> = {
  planning: { title: 'looking at what is there', one: 'thing', many: 'things' },
  making: { title: 'making', one: 'change', many: 'changes' },
  checking: { title: 'checking', one: 'thing', many: 'things' },
  undoing: { title: 'taking back', one: 'change', many: 'changes' },
  removing: { title: 'taking down', one: 'change', many: 'changes' },
  reading: { title: 'reading', one: 'space', many: 'spaces' },
  describing: { title: 'describing', one: 'space', many: 'spaces' },
}

/** 1234567 as '1,234,567'. */
const grouped = (count: number): string => String(Math.floor(count)).replace(/\B(?=(\d{3})+$)/g, ',')

/** So many of its things per second: '9.5/s', '1,830/s'. */
const rateText = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`

/** '0.3 s', '42 s', '2 min 5 s', '3 h 20 min' */
const durationText = (seconds: number): string => {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Before that much of a phase was looked at, in seconds, its rate says nothing. */
const soonest = 0.2

/** What would take longer, in seconds, cannot be told from what was seen. */
const longest = 100 * 3600

/**
 * The line, not wider than the terminal: 'making  412 of 1,000 changes  ·  1,830/s  ·  0.3 s left'. Where it is too narrow
 * the last parts are left out. `now` in milliseconds, on the clock of `since`.
 */
export const progressText = (
  { progress, since, from, isEnding = false }: Looked,
  now: number,
  width: number,
): string => {
  const { phase, done, total } = progress
  const { title, one, many } = words[phase]
  const count =
    total === undefined
      ? `${grouped(done)} ${done === 1 ? one : many}`
      : `${grouped(done)} of ${grouped(total)} ${total === 1 ? one : many}`
  const seconds = (now - since) / 1000
  const rate = seconds >= soonest ? (done - from) / seconds : 0
  const parts = [`${title}  ${count}`]
  if (rate > 0) parts.push(rateText(rate))
  const left = rate > 0 && total !== undefined ? (total - done) / rate : 0
  if (left > 0 && left < longest) parts.push(`${durationText(left)} left`)
  if (isEnding && phase === 'removing') parts.push('ends when this is done')
  // The last column stays free: some terminals would go to the next line.
  while (parts.length > 1 && textOf(parts).length >= width) parts.pop()
  return textOf(parts).slice(0, Math.max(0, width - 1))
}

const textOf = (parts: readonly string[]): string => parts.join('  ·  ')

/** What the line is written to. */
export type Screen = {
  width(): number
  /** Whether a person can see it now, and nobody has to wait. */
  isFree(): boolean
  write(text: string): void
}

/** The line of a terminal that tells how far something has come. */
export class ProgressLine {
  readonly #screen: Screen
  #isShown = false

  constructor(screen: Screen) {
    this.#screen = screen
  }

  show(looked: Looked, now: number): void {
    if (!this.#screen.isFree()) return
    this.#write(`\r${progressText(looked, now, this.#screen.width())}\x1b[K`)
    this.#isShown = true
  }

  erase(): void {
    if (this.#isShown) this.#write('\r\x1b[K')
    this.#isShown = false
  }

  #write(text: string): void {
    try {
      this.#screen.write(text)
    } catch {
      // The terminal is gone, and with it whoever looked; what is being done is finished all the same.
    }
  }
}

/** The terminal at stderr. */
const errorScreen: Screen = {
  width: () => terminalWidth(2) ?? 80,
  isFree: () => isInForeground() && isWritableNow(2),
  write: text => processSink.err(text),
}

type Audience = {
  output: Pick<Output, 'json' | 'quiet'>
  environment: Readonly<Record<string, string | undefined>>
}

/** The line, where somebody would see it; not for a program that reads JSON, nor for whoever wants it quiet. */
export const openProgressLine = (
  { output, environment }: Audience,
  isAtTerminal: () => boolean = () => isTerminal(2),
): ProgressLine | undefined => {
  const { TERM, CI } = environment
  const isWanted =
    !output.json && !output.quiet && !CI && TERM !== undefined && TERM !== '' && TERM !== 'dumb'
  return isWanted && isAtTerminal() ? new ProgressLine(errorScreen) : undefined
}
