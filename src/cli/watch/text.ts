import type { Drift } from '../../space/reconcile/operation.ts'
import { printable, quote, visible } from '../../space/spec/quote.ts'
import type { Uplink, WatchReport } from '../../space/watch/report.ts'
import type { Culprit } from '../../space/watch/sign.ts'
import type { Style } from '../style.ts'

/** Things that differ, and names of spaces, that are written out in one line; -v writes all. */
const shown = 3

export type TextOptions = {
  style: Style
  verbose: boolean
  /** Whether each line begins with the time; a log has its own. */
  withTime: boolean
}

/** A report in lines for a person; what others wrote in it is made printable. */
export const reportLines = (report: WatchReport, options: TextOptions): string[] => {
  const [first, ...others] = linesOf(report, options)
  if (first === undefined) return []
  const time = options.withTime ? `${options.style.dim(clock(report.time))}  ` : ''
  return [`${time}${first}`, ...others.map(line => `  ${line}`)]
}

const linesOf = (report: WatchReport, options: TextOptions): string[] => {
  const { style } = options
  switch (report.type) {
    case 'snapshot': {
      const bad = report.spaces.filter(({ drift }) => drift.length > 0)
      const names = namesText(
        report.spaces.map(({ name }) => name),
        options,
      )
      return [
        `watching ${names || 'no space yet'}: ${bad.length === 0 ? 'all is as asked for' : `${bad.length} not as asked for`}; the way out is ${uplinkText(report.uplink)}`,
      ]
    }
    case 'lost':
      return [
        `${style.yellow('lost')}: events of ${report.channel} came faster than they were read; everything is read anew`,
      ]
    case 'end':
      return [
        `end: ${count(report.repairs, 'repair')}${report.lost === 0 ? '' : `, ${report.lost} times events were lost`}`,
      ]
    case 'event':
      return eventLines(report, options)
  }
}

type Event = Extract<WatchReport, { type: 'event' }>

const eventLines = (report: Event, options: TextOptions): string[] => {
  const { style, verbose } = options
  const { bold, green, red, yellow } = style
  const who = (spaces: readonly string[]) => bold(namesText(spaces, options))
  const details = (drift: readonly Drift[]) =>
    verbose
      ? drift.map(
          ({ resource, expected, found }) =>
            `${printable(resource)}: expected ${printable(expected)}, found ${printable(found)}`,
        )
      : []
  switch (report.event) {
    case 'repaired':
      return [
        `${who(report.spaces)}: ${green('repaired')} in ${report.milliseconds} ms, ${count(report.changes, 'change')}: ${driftText(report.drift)}${byText(report.by)}`,
        ...details(report.drift),
      ]
    case 'differs':
      return [
        `${who(report.spaces)}: ${red('differs')}: ${driftText(report.drift)}${byText(report.by)}`,
        ...details(report.drift),
      ]
    case 'recovered':
      return [`${who(report.spaces)}: ${green('right again')}`]
    case 'failed':
      return [
        `${who(report.spaces)}: ${red('cannot be repaired')}: ${printable(report.error.message)}; tried again in ${seconds(report.again)}${byText(report.by)}`,
        ...report.error.evidence.map(line => `saw: ${printable(line)}`),
        ...report.error.fix.map(line => `fix: ${visible(line)}`),
        ...details(report.drift),
      ]
    case 'fight':
      return [
        `${who(report.spaces)}: ${red('left alone')} for ${seconds(report.pause)}: ${printable(report.over)} was repaired ${report.repairs} times in a row, and undone each time${byText(report.by)}`,
        `fix: ${fightAdvice(report.by)}`,
        'code: WATCH_FIGHT (natspace explain WATCH_FIGHT)',
        ...details(report.drift),
      ]
    case 'trouble':
      return [
        `${red('cannot look')}: ${printable(report.message)}; tried again in ${seconds(report.again)}, and from then on`,
      ]
    case 'settled':
      return [
        `${yellow('settled')}: ${printable(report.warning.what)}: ${printable(report.warning.why)}`,
        ...report.warning.evidence.map(line => `saw: ${printable(line)}`),
      ]
    case 'resumed':
      return [`${who(report.spaces)}: watched again`]
    case 'waits':
      return [
        `${who(report.spaces)}: ${yellow('waits')} ${seconds(report.pause)}, as it was repaired too often within a minute: ${driftText(report.drift)}${byText(report.by)}`,
      ]
    case 'space':
      return [`${bold(report.space)}: ${changeTexts[report.change]}`]
    case 'uplink':
      return [`the way out was ${uplinkText(report.before)}, and is ${uplinkText(report.after)}`]
  }
}

const changeTexts = {
  up: 'is up, and watched from now on',
  changed: 'was changed by another natspace',
  down: 'is down, and stays so',
} as const

/** What to do about somebody who undoes each repair. */
export const fightAdvice = (by: readonly Culprit[]): string => {
  const names = [...new Set(by.flatMap(item => (item.kind === 'process' ? [item.name] : [])))]
  const whom = names.length === 0 ? 'whatever changes it' : names.map(quote).join(' and ')
  return `find out why ${whom} does so, or take the spaces down; a SIGHUP makes natspace try again at once`
}

/** Who did it, each as far as it is known: `; by nft (process 4242: nft flush ruleset)`. */
export const culpritText = (culprit: Culprit): string => {
  if (culprit.kind === 'port')
    return `a program that has closed its netlink socket (port ${culprit.port}) since`
  const { pid, name, command } = culprit
  return `${printable(name)} (process ${pid}${command === undefined ? '' : `: ${printable(command)}`})`
}

const byText = (by: readonly Culprit[]): string => (by.length === 0 ? '' : `; by ${few(by.map(culpritText))}`)

const driftText = (drift: readonly Drift[]): string =>
  few(drift.map(({ resource, found }) => `${printable(resource)} (${printable(found)})`))

const namesText = (names: readonly string[], { verbose }: TextOptions): string =>
  verbose ? names.join(', ') : few(names)

const few = (texts: readonly string[]): string =>
  texts.length <= shown + 1
    ? texts.join(', ')
    : `${texts.slice(0, shown).join(', ')} and ${texts.length - shown} more`

const uplinkText = (uplink: Uplink | undefined): string =>
  uplink === undefined
    ? 'none'
    : `${printable(uplink.name)} (${[...uplink.addresses, `MTU ${uplink.mtu}`].join(', ')})`

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

const seconds = (milliseconds: number): string =>
  milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : milliseconds < 120_000
      ? `${Math.round(milliseconds / 1000)} s`
      : `${Math.round(milliseconds / 60_000)} min`

/** `12:03:04.123`, of this place. */
const clock = (time: number): string => {
  const date = new Date(time)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
