import { spawnSync } from 'node:child_process'
import type { FaultCode } from '../../insight/doctor/catalogue.ts'
import { catalogue } from '../../insight/doctor/catalogue.ts'
import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import type { Finding } from '../../insight/doctor/finding.ts'
import { ownCommand } from '../../lab/start.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote, visible } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { shellCommand } from '../../space/text/quote-shell.ts'
import { usageError } from '../options.ts'
import type { Output } from '../output.ts'
import { agrees, canAsk } from './ask.ts'

/** What `--fix` was given: one code, or all that was found. */
export type Wanted = FaultCode | 'all'

/** What was carried out: the commands of one finding, and those that take it back. */
export type Fixed = { code: FaultCode; commands: string[]; undo: string[] }

/** Reads the value of `--fix`. Throws NatspaceError BAD_CHOICE (exit 2). */
export const parseWanted = (text: string): Wanted => {
  const code = text.toUpperCase()
  if (code === 'ALL') return 'all'
  if (Object.hasOwn(catalogue, code)) return code as FaultCode
  const near = suggest(code, Object.keys(catalogue))
  throw usageError(
    'BAD_CHOICE',
    `Cannot mend ${quote(text)}`,
    near === undefined ? 'it is no code of a fault' : `it is no code of a fault; did you mean ${near}?`,
    ['natspace doctor NAME tells the codes of what is wrong', '--fix all mends everything that it can'],
  )
}

/** What to mend; `isSure`: without asking. */
export type Mending = { wanted: Wanted; isSure: boolean; output: Output }

/** A packet is stopped by one thing at a time: so often what is found only once another thing is mended is mended too. */
const mostRounds = 5

/**
 * Carries out the fixes of what was found, in order, and looks `again`, which returns undefined when a signal came; with `all`
 * also those of what shows itself only then. Asks before, unless `isSure`. Returns what was done, which is nothing where a
 * signal comes instead of an answer. Throws NatspaceError NEEDS_YES (exit 2) where nobody can be asked, FIX_FAILED (exit 1)
 * when a command fails: those before it have been carried out, and are told.
 */
export const mend = async (
  first: Diagnosis,
  mending: Mending,
  again: () => Promise<Diagnosis | undefined>,
): Promise<Fixed[]> => {
  const { wanted, output } = mending
  const done: Fixed[] = []
  let diagnosis: Diagnosis | undefined = first
  for (let round = 1; round <= mostRounds && diagnosis !== undefined; round++) {
    const chosen = chosenOf(diagnosis, wanted).filter(finding => !isIn(done, finding))
    if (chosen.length === 0 && round === 1) output.note(absentText(diagnosis, wanted))
    if (!(await applyFixes(chosen, done, mending))) break
    output.note('looking again:')
    diagnosis = await again()
    if (wanted !== 'all') break
  }
  for (const command of undoOf(done)) output.note(`undo: ${visible(command)}`)
  return done
}

/** What did not help is not tried twice. */
const isIn = (done: readonly Fixed[], { fix }: Finding): boolean =>
  done.some(({ commands }) => commands.join('\n') === fix.commands.join('\n'))

/** Adds to `done` what is carried out; false where that is nothing. */
const applyFixes = async (
  chosen: readonly Finding[],
  done: Fixed[],
  { isSure, output }: Mending,
): Promise<boolean> => {
  const able = chosen.filter(isAble)
  for (const { code } of chosen.filter(finding => !isAble(finding)))
    output.note(`${code}: nothing to run here mends it; natspace explain ${code} tells what to do`)
  if (able.length === 0) return false
  if (!isSure && !(await confirm(able))) {
    output.note(done.length === 0 ? 'nothing was done' : 'nothing more was done')
    return false
  }
  for (const finding of able) done.push(carryOut(finding, done, output))
  return true
}

/** All causes; or what has that code, though it may be only noted. */
const chosenOf = ({ causes, notes }: Diagnosis, wanted: Wanted): Finding[] =>
  wanted === 'all' ? causes : [...causes, ...notes].filter(({ code }) => code === wanted)

const absentText = ({ causes }: Diagnosis, wanted: Wanted): string => {
  if (wanted === 'all') return 'nothing has to be mended'
  const parent = causes.find(({ hides }) => hides.some(({ code }) => code === wanted))
  return parent === undefined
    ? `${wanted} was not found: nothing is done`
    : `${wanted} follows from ${parent.code}, which has to be mended first: nothing is done`
}

/** To run the doctor as somebody else is advice, and mends nothing. */
const isAble = ({ code, fix }: Finding): boolean => fix.commands.length > 0 && code !== 'ENV-CAP'

const confirm = async (findings: readonly Finding[]): Promise<boolean> => {
  const commands = findings.flatMap(({ fix }) => fix.commands)
  if (!canAsk())
    throw usageError('NEEDS_YES', 'Cannot ask whether to run the commands', 'stdin is no terminal', [
      '--yes runs them without asking:',
      ...commands,
    ])
  const last = findings.filter(({ fix }) => fix.undo.length === 0).map(({ code }) => code)
  return agrees([
    'These commands would run:',
    ...commands.map(line => `  ${visible(line)}`),
    ...(last.length === 0 ? [] : [`No command takes back what mends ${last.join(', ')}.`]),
    'Run them? [y/N] ',
  ])
}

/** `natspace` in a fix is this program, wherever it is. */
const preamble = (): string =>
  `natspace() { ${shellCommand(...ownCommand(`/proc/${process.pid}/exe`, process.argv[1]))} "$@"; }\n`

const carryOut = ({ code, fix }: Finding, before: readonly Fixed[], output: Output): Fixed => {
  const commands: string[] = []
  for (const command of fix.commands) {
    const { status, signal, stderr, error } = spawnSync('/bin/sh', ['-c', preamble() + command], {
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (error !== undefined || status !== 0) {
      const started: Fixed[] = commands.length === 0 ? [] : [{ code, commands, undo: fix.undo }]
      const done = [...before, ...started]
      throw new NatspaceError({
        code: 'FIX_FAILED',
        exit: 1,
        what: `cannot mend ${code}`,
        why: error?.message ?? `a command ended ${signal === null ? `with ${status}` : `by ${signal}`}`,
        evidence: [
          command,
          ...(stderr ?? '').trim().split('\n').filter(Boolean),
          ...done.flatMap(item => item.commands.map(line => `done before: ${line}`)),
        ],
        fix: done.length === 0 ? [] : ['take back what was done before:', ...undoOf(done)],
      })
    }
    commands.push(command)
    output.note(`done: ${visible(command)}`)
  }
  return { code, commands, undo: fix.undo }
}

/** What was done last is taken back first. */
const undoOf = (done: readonly Fixed[]): string[] => done.toReversed().flatMap(({ undo }) => undo)
