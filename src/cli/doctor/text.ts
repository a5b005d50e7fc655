import { faultOf } from '../../insight/doctor/catalogue.ts'
import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import type { Finding } from '../../insight/doctor/finding.ts'
import type { Cause } from '../../insight/doctor/rank.ts'
import { printable, visible } from '../../space/spec/quote.ts'
import type { Style } from '../style.ts'

/** What a person reads: what is fine, each cause with its evidence and fix, what hides behind it, what is not known. */
export const diagnosisLines = (
  { subject, destination, fine, causes, notes, unchecked }: Diagnosis,
  style: Style,
  verbose: boolean,
): string[] => {
  const { bold, green, dim } = style
  const port = destination.port === undefined ? '' : ` port ${destination.port}/${destination.protocol}`
  return [
    `${bold(printable(subject.name))}: to ${destination.address}${port}`,
    ...(verbose || causes.length === 0
      ? fine.map(line => `${green('✓')} ${printable(line)}`)
      : countLines(fine, style)),
    ...(causes.length > 1 ? ['', `${causes.length} causes, to be mended in this order:`] : []),
    ...causes.flatMap(cause => ['', ...causeLines(cause, style)]),
    ...notes.flatMap(note => ['', ...noteLines(note, style)]),
    ...(unchecked.length === 0 ? [] : ['']),
    ...unchecked.map(line => `${dim('not checked:')} ${printable(line)}`),
    ...(causes.length === 0 ? ['', green('nothing is wrong that could be seen')] : []),
  ]
}

const countLines = ({ length }: readonly string[], { green, dim }: Style): string[] =>
  length === 0
    ? []
    : [
        `${green('✓')} ${length === 1 ? '1 thing is as it' : `${length} things are as they`} should be ${dim('(-v shows them)')}`,
      ]

/** Of what only follows from a cause so many are told. */
const hiddenShown = 5

const causeLines = (cause: Cause, style: Style): string[] => {
  const { red, bold, dim } = style
  const { title, why } = faultOf(cause.code)
  return [
    `${red('✗')} ${bold(title)}: ${printable(cause.what)}`,
    ...detailLines(cause, why, style),
    ...cause.hides
      .slice(0, hiddenShown)
      .map(item => `  ${dim('behind it')}  ${item.code}: ${printable(item.what)}`),
    ...(cause.hides.length > hiddenShown
      ? [`  ${dim('behind it')}  and ${cause.hides.length - hiddenShown} more that follow from it`]
      : []),
    `  ${dim('code')}       ${cause.code} (natspace explain ${cause.code})`,
  ]
}

const detailLines = ({ evidence, fix, code }: Finding, why: string, { dim }: Style): string[] => [
  `  ${dim('why')}        ${why}`,
  ...evidence.map(line => `  ${dim('saw')}        ${printable(line)}`),
  ...(fix.commands.length === 0
    ? [`  ${dim('advice')}     ${faultOf(code).remedy}`]
    : fix.commands.map(line => `  ${dim('fix')}        ${visible(line)}`)),
  ...fix.undo.map(line => `  ${dim('undo')}       ${visible(line)}`),
]

const noteLines = (note: Finding, style: Style): string[] => [
  `${style.yellow('·')} ${faultOf(note.code).title}: ${printable(note.what)}`,
  ...note.evidence.map(line => `  ${style.dim('saw')}        ${printable(line)}`),
]
