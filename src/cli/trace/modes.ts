import { optionName, usageError } from '../options.ts'

/** The options of a trace, as far as they say what is traced. */
export type TraceChoice = {
  to?: string | undefined
  follow?: boolean | undefined
  from?: string | undefined
  /** The words of a program. */
  command: readonly string[]
}

/** What is traced: a probe, the flows of a program while it runs, or all until somebody ends it. */
export type TraceMode = 'probe' | 'program' | 'follow'

/** Options that only some ways of tracing have, by their keys. */
const only: Readonly<Record<string, readonly TraceMode[]>> = {
  sourcePort: ['probe'],
  payload: ['probe'],
  predict: ['probe'],
  dryRun: ['probe'],
  filter: ['program', 'follow'],
  verdict: ['program', 'follow'],
  limit: ['program', 'follow'],
  asRoot: ['program'],
}

const forms = (name: string): string[] => [
  `natspace trace ${name} --to HOST[:PORT]`,
  `natspace trace ${name} -- PROGRAM [ARGUMENT]...`,
  `natspace trace ${name} --follow`,
  `natspace trace ${name} --from HOST`,
]

const modeNames: Record<TraceMode, string> = {
  probe: '--to',
  program: 'a program',
  follow: '--follow or --from',
}

/**
 * Which way of tracing was asked for. Throws NatspaceError (exit 2) MISSING_ARGUMENT when none was, and CONFLICTING_OPTIONS
 * when more than one, or an option that it has not. `given` are the keys of the options.
 */
export const modeOf = (name: string, choice: TraceChoice, given: readonly string[]): TraceMode => {
  const asked: TraceMode[] = [
    ...(choice.to === undefined ? [] : ['probe' as const]),
    ...(choice.command.length === 0 ? [] : ['program' as const]),
    ...(choice.follow || choice.from !== undefined ? ['follow' as const] : []),
  ]
  const [mode, other] = asked
  if (mode === undefined)
    throw usageError(
      'MISSING_ARGUMENT',
      'Cannot run natspace trace',
      'what to trace is missing: where to, a program, or all that comes by',
      forms(name),
    )
  if (other !== undefined)
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot use ${modeNames[mode]} with ${modeNames[other]}`,
      'one run traces one of them',
      forms(name),
    )
  for (const key of given) {
    const modes = only[key]
    if (modes === undefined || modes.includes(mode)) continue
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot use ${optionName(key)} with ${modeNames[mode]}`,
      `it is for ${modes.map(item => modeNames[item]).join(' and ')}`,
      [`leave out ${optionName(key)}`],
    )
  }
  return mode
}
