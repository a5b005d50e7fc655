import { type Diagnosis, type DiagnosisOptions, diagnose } from '../../insight/doctor/diagnose.ts'
import { findingObjects } from '../../insight/doctor/finding-object.ts'
import { isForbidden } from '../../insight/doctor/refusal.ts'
import { findSubject, type Subject } from '../../insight/doctor/subject.ts'
import { parseTarget } from '../../insight/trace/target.ts'
import { parsePort } from '../../linux/net/port.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { quote } from '../../space/spec/quote.ts'
import { recordedNames } from '../../space/state/records.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { type Fixed, mend, parseWanted } from '../doctor/fix.ts'
import { diagnosisData } from '../doctor/json.ts'
import { diagnosisLines } from '../doctor/text.ts'
import { heedSignals } from '../interrupt.ts'
import { type Options, usageError } from '../options.ts'
import { noteSignals } from '../trace/interruption.ts'

const options = {
  to: {
    kind: 'value',
    placeholder: 'DEST',
    help: 'the destination that cannot be reached: HOST[:PORT][/tcp|udp|icmp] (default: the next router)',
  },
  inbound: {
    kind: 'value',
    placeholder: 'PORT[/tcp|udp|sctp]',
    help: 'a port of this host that should lead into the namespace',
  },
  fix: {
    kind: 'value',
    placeholder: 'CODE',
    help: 'mend what was found under that code, or all; asks first',
  },
  yes: { kind: 'flag', short: 'y', help: 'do not ask before --fix' },
} as const satisfies Options

/** Exit status when something is wrong; and when too little could be looked at to say so. */
const foundSomething = 3
const couldNotTell = 4

const run = async ({ options: given, positionals, output, environment }: Input<typeof options>) => {
  const asked: DiagnosisOptions = {
    ...(given.to === undefined ? {} : { to: parseTarget(given.to) }),
    ...(given.inbound === undefined ? {} : { inbound: parseInbound(given.inbound) }),
  }
  const wanted = given.fix === undefined ? undefined : parseWanted(given.fix)
  const signal = noteSignals()
  const pause = async (): Promise<boolean> => {
    await heedSignals()
    return signal() !== undefined
  }
  const context = openContext(environment)
  using _kernel = context.kernel
  const subjects = subjectsOf(context, positionals)
  if (subjects === undefined) {
    output.note('the spaces of natspace may not be listed by this user: name a namespace')
    if (output.json) output.object('doctor', [])
    return couldNotTell
  }
  if (subjects.length === 0) output.note('no space is up: name a namespace')
  const found: { diagnosis: Diagnosis; fixed: Fixed[] }[] = []
  for (const subject of subjects) {
    let fixed: Fixed[] = []
    let diagnosis = await examine(context, subject, { ...asked, pause })
    const show = () => {
      const gap = found.length === 0 ? [] : ['']
      if (!output.json) output.lines([...gap, ...diagnosisLines(diagnosis, output.style, output.verbose)])
    }
    if (signal() !== undefined) return signal() as number
    show()
    if (wanted !== undefined) {
      fixed = await mend(diagnosis, { wanted, isSure: given.yes ?? false, output }, async () => {
        if (signal() !== undefined) return undefined
        diagnosis = await examine(context, subject, { ...asked, pause })
        if (signal() !== undefined) return undefined
        show()
        return diagnosis
      })
      if (signal() !== undefined) return signal() as number
    }
    found.push({ diagnosis, fixed })
  }
  if (output.json) {
    const data = found.map(({ diagnosis, fixed }) => diagnosisData(diagnosis, fixed))
    const findings = found.flatMap(({ diagnosis }) => findingObjects(diagnosis))
    output.object('doctor', positionals.length === 1 ? data[0] : data, findings)
  }
  const diagnoses = found.map(({ diagnosis }) => diagnosis)
  if (diagnoses.some(({ causes }) => causes.some(({ code }) => code !== 'ENV-CAP'))) return foundSomething
  return diagnoses.some(({ causes, story }) => causes.length > 0 || story === undefined) ? couldNotTell : 0
}

/** Undefined where this user may not see which spaces there are. */
const subjectsOf = ({ kernel, paths }: Context, words: readonly string[]): Subject[] | undefined => {
  try {
    return (words.length === 0 ? recordedNames(kernel, paths) : words).map(word =>
      findSubject(kernel, paths, word),
    )
  } catch (error) {
    if (words.length === 0 && isForbidden(error)) return undefined
    throw error
  }
}

/** Without the privilege to trace, what is read without it is told. */
const examine = async (
  { kernel, paths }: Context,
  subject: Subject,
  options: DiagnosisOptions,
): Promise<Diagnosis> => {
  try {
    return await diagnose(kernel, paths, subject, options)
  } catch (error) {
    if (isForbidden(error) && options.isPassive !== true)
      return diagnose(kernel, paths, subject, { ...options, isPassive: true })
    throw error
  }
}

const parseInbound = (text: string): NonNullable<DiagnosisOptions['inbound']> => {
  const [, number = '', protocol = 'tcp'] = /^(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  const port = parsePort(number)
  if (port === undefined || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp'))
    throw usageError('BAD_PORT', `Cannot use ${quote(text)} as a port`, 'it is no PORT[/tcp|udp|sctp]', [
      '--inbound 8080, --inbound 53/udp',
    ])
  return { port, protocol }
}

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'find out why a namespace has no network, or a port cannot be reached',
  usage: ['[NAME|PATH|PID]... [--to DEST] [--inbound PORT]'],
  about: [
    'Examines spaces of natspace (default: all), and any other namespace, by its name in /run/netns, its path, or a process in it. What is read is read bottom-up: the cable, addresses, routes, settings, rules. Then one probe is sent from inside, and followed by the kernel’s own tracer: it ends on the guilty rule, route or setting.',
    'Tells the cause with its evidence and the commands that mend it and take that back; what only follows from it stands behind it. Changes nothing, unless --fix is given: then these commands are run, and it looks again.',
    'Exit status: 0 when nothing is wrong, 3 when something is, 4 when too little could be looked at, as without root.',
  ],
  options,
  completes: 'namespace',
  examples: [
    { command: 'sudo natspace doctor web', does: 'everything about the space web' },
    { command: 'sudo natspace doctor web --to 192.0.2.1:443', does: 'why it does not reach that server' },
    {
      command: 'sudo natspace doctor 4711 --inbound 8080',
      does: 'why port 8080 does not lead to process 4711',
    },
  ],
  run,
})
