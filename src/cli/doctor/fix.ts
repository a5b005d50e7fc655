import { spawnSync } from 'node:child_process'
import { readSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { FaultCode } from '../../insight/doctor/catalogue.ts'
import { catalogue } from '../../insight/doctor/catalogue.ts'
import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import type { Cause } from '../../insight/doctor/rank.ts'
import { NatspaceError } from '../../space/errors.ts'
import { printable, quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { usageError } from '../options.ts'
import type { Output } from '../output.ts'

/** What `--fix` was given: one code, or all that was found. */
export type Wanted = FaultCode | 'all'

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

/**
 * Carries out the fixes of what was found, in order; asks before, unless `isSure`. Returns whether anything was done.
 * Throws NatspaceError NEEDS_YES (exit 2) where nobody can be asked, FIX_FAILED (exit 1) when a command fails: those before
 * it have been carried out, and are told.
 */
export const applyFixes = (
  { causes }: Diagnosis,
  wanted: Wanted,
  isSure: boolean,
  output: Output,
): boolean => {
  const chosen = causes.filter(({ code }) => wanted === 'all' || code === wanted)
  if (chosen.length === 0) {
    output.note(wanted === 'all' ? 'nothing has to be mended' : `${wanted} was not found: nothing is done`)
    return false
  }
  const able = chosen.filter(({ fix }) => fix.commands.length > 0)
  for (const { code } of chosen.filter(cause => !able.includes(cause)))
    output.note(`${code}: no command mends it; natspace explain ${code} tells what to do`)
  if (able.length === 0) return false
  if (!isSure && !confirm(able)) {
    output.note('nothing was done')
    return false
  }
  for (const cause of able) carryOut(cause, output)
  return true
}

const confirm = (causes: readonly Cause[]): boolean => {
  const commands = causes.flatMap(({ fix }) => fix.commands)
  if (!isatty(0) || !isatty(2))
    throw usageError('NEEDS_YES', 'Cannot ask whether to run the commands', 'stdin is no terminal', [
      '--yes runs them without asking',
      ...commands,
    ])
  process.stderr.write(
    `${['These commands would run:', ...commands.map(line => `  ${printable(line)}`), 'Run them? [y/N] '].join('\n')}`,
  )
  const answer = Buffer.alloc(16)
  return /^y(es)?\s/i.test(answer.toString('utf8', 0, readSync(0, answer)))
}

/** `natspace` in a fix is this program, wherever it is. */
const preamble = 'natspace() { /proc/$PPID/exe "$@"; }\n'

const carryOut = ({ code, fix }: Cause, output: Output): void => {
  for (const command of fix.commands) {
    const { status, stderr, error } = spawnSync('/bin/sh', ['-c', preamble + command], {
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (error !== undefined || status !== 0)
      throw new NatspaceError({
        code: 'FIX_FAILED',
        exit: 1,
        what: `cannot mend ${code}`,
        why: error?.message ?? `a command ended with ${status}`,
        evidence: [command, ...stderr.trim().split('\n').filter(Boolean)],
        fix: fix.undo.length === 0 ? [] : ['take back what was done before:', ...fix.undo],
      })
    output.note(`done: ${printable(command)}`)
  }
  for (const command of fix.undo) output.note(`undo: ${printable(command)}`)
}
